"""Tries seeds: `python -m sluicegate.simulation --seeds 0-1000000 --keep found.jsonl`."""

import argparse
import sys
from pathlib import Path

from sluicegate.simulation.ranges import broken, told_of
from sluicegate.simulation.seeds import run_seed


def seeds(text: str) -> range:
    """One seed, or from one to before another: `7`, `0-1000`."""
    first, dash, stop = text.partition("-")
    try:
        return range(int(first), int(stop) if dash else int(first) + 1)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is neither a seed nor a range") from error


def main() -> int:
    """The command; 1 if a seed broke."""
    parser = argparse.ArgumentParser(prog="python -m sluicegate.simulation", description=__doc__)
    parser.add_argument("--seeds", type=seeds, required=True, help="one, or a range as 0-1000")
    parser.add_argument("--keep", type=Path, help="add what broke to this file, as lines of JSON")
    parser.add_argument("--processes", type=int, default=0, help="how many; all processors if 0")
    parser.add_argument("--trace", action="store_true", help="write all that happens")
    options = parser.parse_args()
    if not options.trace:
        return 1 if broken(options.seeds, options.processes, options.keep) else 0
    failed = False
    for seed in options.seeds:
        verdict = run_seed(seed, keep_trace=True)
        print("\n".join(verdict.lines))
        print(told_of(verdict) if verdict.broken else f"seed {seed} holds, trace {verdict.hash}")
        failed |= bool(verdict.broken)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
