"""`python -m bench.sizes`: what it costs that much is in a repository already, as figures and as a
picture.

Repositories in memory, empty and with the indexes of a million and of ten million blobs, whose
packs do not exist, take the same backup of new data; the host has made its index file before.
"""

import argparse
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.chart import write_chart
from bench.data import SETS
from bench.index import fill, opening
from bench.measure import Taken, clean_environment, take
from bench.peers import PASSWORD, PEERS, STREAMS, kept
from bench.scratch import MEMORY, scratch
from bench.streams import PICTURES, UNITS

BLOBS = (0, 1_000_000, 10_000_000)
ROUNDS = 3


def shortest(source: Path, filled: Path, cache: Path) -> Taken:
    """What the shortest of several backups took, each into a repository like the one that is
    filled."""
    taken = []
    env = clean_environment(PASSWORD) | {"SLUICEGATE_CACHE_DIRECTORY": str(cache)}
    for _ in range(ROUNDS):
        with scratch(MEMORY) as at:
            # Its files are never changed.
            shutil.copytree(filled, kept(at), copy_function=os.link)
            taken.append(take(PEERS[0].backup(source, at), env))
    return min(taken, key=lambda one: one.wall_seconds)


def measured(sources: dict[str, Path], blobs: int) -> dict[str, Taken]:
    """What each data set takes, into a repository with so many blobs."""
    with scratch(MEMORY) as at:
        filled, cache = at / "filled", at / "cache"
        fill(filled, blobs)
        if blobs:
            opening(filled, cache, blobs)
        return {name: shortest(source, filled, cache) for name, source in sources.items()}


def show(name: str, sizes: Sequence[int], taken: Sequence[Taken]) -> None:
    """Prints the figures of one data set and writes its picture."""
    unit, amount = UNITS[name]
    rates = [amount / one.wall_seconds for one in taken]
    for size, rate, one in zip(sizes, rates, taken, strict=True):
        print(
            f"{name}, {size:,} blobs in the repository: {rate:,.0f} {unit} a second,"
            f" {one.cpu_seconds:.2f} s of cpu"
        )
    PICTURES.mkdir(exist_ok=True)
    path = PICTURES / f"sizes-{unit.lower()}.svg"
    title = f"{name}, {STREAMS} streams: {unit} a second, by blobs in the repository"
    write_chart(path, title, [f"{size:,}" for size in sizes], {"Sluicegate": rates})
    print(f"wrote {path}", flush=True)


def main() -> None:
    """Measures, prints and draws."""
    parser = argparse.ArgumentParser(prog="python -m bench.sizes", description=__doc__)
    parser.add_argument("blobs", nargs="*", type=int, default=BLOBS)
    sizes = parser.parse_args().blobs
    with scratch(MEMORY) as at:
        sources = {name: at / unit for name, (unit, _) in UNITS.items()}
        for name, source in sources.items():
            source.mkdir()
            SETS[name](source)
        taken = [measured(sources, blobs) for blobs in sizes]
    for name in sources:
        show(name, sizes, [of[name] for of in taken])


if __name__ == "__main__":
    main()
