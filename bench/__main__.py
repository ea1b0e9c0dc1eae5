"""`make bench`: Sluicegate beside Debian's restic, on the same data, in one run.

Each figure is the median of the rounds; the two programs take turns, so that a machine whose
speed drifts is unfair to neither. The repository lies in memory first, then on disk.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.data import SETS, stored_bytes
from bench.measure import Taken, clean_environment, take

STREAMS = 2
ENV = clean_environment("bench")
SLUICEGATE = Path(sys.executable).parent / "sluicegate"


@dataclass(frozen=True)
class Round:
    """One backup and one restore by one program."""

    backup: Taken
    restore: Taken
    stored: int


@contextmanager
def scratch(place: Path) -> Iterator[Path]:
    """A directory that is gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="sluicegate-bench-", dir=place))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def by_restic(source: Path, place: Path) -> Round:
    """restic with its defaults, without its cache, as a repository at hand needs none."""
    with scratch(place) as at:
        restic = ["restic", "--no-cache", "--quiet", "-r", at / "repository"]
        take([*restic, "init"], ENV)
        backup = take([*restic, "backup", source], ENV)
        stored = stored_bytes(at / "repository")
        restore = take([*restic, "restore", "latest", "--target", at / "restored"], ENV)
    return Round(backup, restore, stored)


def by_sluicegate(source: Path, place: Path) -> Round:
    """Sluicegate embedded, as `sluicegate backup` runs for everybody."""
    with scratch(place) as at:
        repository = ["--repo", at / "repository"]
        take([SLUICEGATE, "init", *repository], ENV)
        backup = take([SLUICEGATE, "backup", source, *repository, "--streams", STREAMS], ENV)
        stored = stored_bytes(at / "repository")
        restore = take([SLUICEGATE, "restore", "latest", *repository, "--to", at / "restored"], ENV)
    return Round(backup, restore, stored)


def row(name: str, what: str, ours: list[Taken], theirs: list[Taken], stored: float | None) -> str:
    """One line of the table."""
    mine, other = (median(t.wall_seconds for t in taken) for taken in (ours, theirs))
    cpu = median(t.cpu_seconds for t in ours)
    peak = max(t.peak_mib for t in ours)
    ratio = f"{stored:8.3f}" if stored is not None else " " * 8
    return (
        f"{name:14} {what:8} {other:8.2f} {mine:11.2f} {other / mine:7.2f}x {cpu:8.2f} {peak:9.0f}"
        f" {ratio}"
    )


HEADER = (
    f"{'data':14} {'':8} {'restic s':>8} {'sluicegate s':>11} {'faster':>7} {'cpu s':>8}"
    f" {'peak MiB':>9} {'stored':>8}"
)


def compare(name: str, source: Path, place: Path, rounds: int) -> None:
    """Prints the two lines of one data set in one place."""
    theirs, ours = [], []
    for _ in range(rounds):
        theirs.append(by_restic(source, place))
        ours.append(by_sluicegate(source, place))
    stored = ours[0].stored / theirs[0].stored
    print(row(name, "backup", [r.backup for r in ours], [r.backup for r in theirs], stored))
    print(row(name, "restore", [r.restore for r in ours], [r.restore for r in theirs], None))
    sys.stdout.flush()


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-only", action="store_true")
    parser.add_argument("sets", nargs="*", default=list(SETS))
    options = parser.parse_args()
    places = {"memory": Path("/dev/shm")}
    if not options.memory_only:
        places["disk"] = Path("/var/tmp")
    with scratch(Path("/dev/shm")) as sources:
        for name in options.sets:
            (sources / name).mkdir()
            SETS[name](sources / name)
        for kind, place in places.items():
            print(f"\nrepository and restored files in {kind}, {STREAMS} streams")
            print(HEADER, flush=True)
            for name in options.sets:
                compare(name, sources / name, place, options.rounds)


if __name__ == "__main__":
    main()
