"""`make bench`: Sluicegate beside the programs that people use today, on the same data, in one run.

Each figure is the median of the rounds; the programs take turns, so that a machine whose speed
drifts is unfair to none. What they keep and restore lies in memory first, then on disk.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from statistics import median

from bench.data import SETS, change, stored_bytes
from bench.measure import Taken, clean_environment, take
from bench.peers import PASSWORD, PEERS, STREAMS, Peer, kept, restored
from bench.scratch import DISK, MEMORY, scratch

ENV = clean_environment(PASSWORD)
SEED = 5
MIB = 1 << 20
BESIDE = "restic"

Round = dict[str, Taken]


def turn(peer: Peer, source: Path, place: Path) -> tuple[Round, int]:
    """Backs up, backs up what is unchanged, then what is changed by one part in a hundred, and
    restores that. What each took, and the bytes stored by the first."""
    backup = peer.backup
    with scratch(place) as at:
        if peer.begin:
            take(peer.begin(at), ENV)
        taken = {"backup": take(backup(source, at), ENV)}
        stored = stored_bytes(kept(at))
        taken["unchanged"] = take(backup(source, at), ENV)
        change(source, Random(SEED))
        taken["1 % changed"] = take(backup(source, at), ENV)
        restored(at).mkdir()
        taken["restore"] = take(peer.restore(at), ENV, restored(at))
    change(source, Random(SEED))
    return taken, stored


HEADER = (
    f"{'data':14} {'':12} {'program':11} {'wall s':>8} {'of restic':>10} {'cpu s':>8}"
    f" {'peak MiB':>9} {'stored MiB':>11}"
)


def rows(name: str, rounds: dict[str, list[Round]], stored: dict[str, int]) -> Iterator[str]:
    """The lines of one data set, by what is done and who did it."""
    for what in next(iter(rounds.values()))[0]:
        wall = {peer: median(r[what].wall_seconds for r in each) for peer, each in rounds.items()}
        for peer, each in rounds.items():
            beside = f"{wall[peer] / wall[BESIDE]:10.2f}" if BESIDE in wall else " " * 10
            cpu = median(r[what].cpu_seconds for r in each)
            peak = max(r[what].peak_mib for r in each)
            line = (
                f"{name:14} {what:12} {peer:11} {wall[peer]:8.2f} {beside} {cpu:8.2f} {peak:9.0f}"
            )
            yield f"{line} {stored[peer] / MIB:11.1f}" if what == "backup" else line


def compare(name: str, source: Path, place: Path, peers: Sequence[Peer], count: int) -> None:
    """Prints all lines of one data set in one place."""
    rounds: dict[str, list[Round]] = {peer.name: [] for peer in peers}
    stored = {}
    for _ in range(count):
        for peer in peers:
            taken, stored[peer.name] = turn(peer, source, place)
            rounds[peer.name].append(taken)
    print("\n".join(rows(name, rounds, stored)), flush=True)


def main() -> None:
    """Measures and prints."""
    names = [peer.name for peer in PEERS]
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-only", action="store_true")
    parser.add_argument("--peers", nargs="+", choices=names, default=names)
    parser.add_argument("sets", nargs="*", default=list(SETS))
    options = parser.parse_args()
    peers = [peer for peer in PEERS if peer.name in options.peers]
    places = {"memory": MEMORY}
    if not options.memory_only:
        places["disk"] = DISK
    for kind, place in places.items():
        print(f"\nkept and restored in {kind}, {STREAMS} streams\n{HEADER}", flush=True)
        for name in options.sets:
            with scratch(DISK) as source:
                SETS[name](source)
                compare(name, source, place, peers, options.rounds)


if __name__ == "__main__":
    main()
