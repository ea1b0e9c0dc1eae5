"""`python -m bench.streams`: what more streams are worth, as figures and as a picture.

The repository lies in memory, so that what limits is the machine. restic's own time, with its
defaults, stands beside.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench.chart import write_chart
from bench.data import GIB, SETS, SMALL_FILES
from bench.measure import clean_environment, take
from bench.peers import PASSWORD, PEERS, Command, Peer, kept
from bench.scratch import MEMORY, scratch

STREAMS = (1, 2, 4, 8)
# By what each data set is counted, a second.
UNITS = {"1 GiB random": ("MiB", GIB >> 20), "50,000 files": ("files", SMALL_FILES)}
PICTURES = Path(__file__).parent / "pictures"
ENV = clean_environment(PASSWORD)


def seconds(peer: Peer, source: Path, more: Command = (), rounds: int = 2) -> float:
    """The shortest time of several backups, each into a new repository."""
    taken = []
    for _ in range(rounds):
        with scratch(MEMORY) as at:
            assert peer.begin
            take(peer.begin(at), ENV)
            assert kept(at).exists()
            taken.append(take([*peer.backup(source, at), *more], ENV).wall_seconds)
    return min(taken)


def measured(source: Path, amount: int) -> tuple[list[float], float]:
    """So much a second with each number of streams, and by restic."""
    ours, restic = PEERS[0], PEERS[1]
    rates = [amount / seconds(ours, source, ["--streams", n]) for n in STREAMS]
    return rates, amount / seconds(restic, source)


def draw(name: str, unit: str, rates: Sequence[float], beside: float) -> None:
    """Writes the picture of one data set."""
    PICTURES.mkdir(exist_ok=True)
    path = PICTURES / f"streams-{unit.lower()}.svg"
    lines = {"Sluicegate": rates, "restic": [beside] * len(rates)}
    write_chart(path, f"{name}: {unit} a second, by streams", list(map(str, STREAMS)), lines)
    print(f"wrote {path}")


def main() -> None:
    """Measures, prints and draws."""
    argparse.ArgumentParser(prog="python -m bench.streams", description=__doc__).parse_args()
    with scratch(MEMORY) as sources:
        for name, (unit, amount) in UNITS.items():
            (sources / unit).mkdir()
            SETS[name](sources / unit)
            rates, beside = measured(sources / unit, amount)
            shown = ", ".join(f"{n}: {rate:,.0f}" for n, rate in zip(STREAMS, rates, strict=True))
            print(f"{name}, {unit} a second by streams: {shown}; restic {beside:,.0f}", flush=True)
            draw(name, unit, rates, beside)


if __name__ == "__main__":
    main()
