"""Many seeds on several processors, and what is kept of those that broke."""

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from sluicegate.simulation.seeds import Verdict, run_seed

CHUNK = 25
TELL_SECONDS = 10.0
SHOWN = 1_000


def judged(seeds: range, processes: int) -> Iterator[Verdict]:
    """The verdicts on seeds, in whatever order they come."""
    if processes <= 1:
        yield from map(run_seed, seeds)
        return
    # Not forked: who calls this may have threads.
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(run_seed, seeds, CHUNK)


def broken(
    seeds: range, processes: int = 0, keep: Path | None = None, out: TextIO = sys.stderr
) -> list[Verdict]:
    """Those of the seeds that broke. How far it is, and each that breaks, is written to `out` as
    it goes; with `keep` the broken ones are also added to a file, as lines of JSON."""
    found: list[Verdict] = []
    begun = told = time.monotonic()
    verdicts = judged(seeds, processes or os.cpu_count() or 1)
    for done, verdict in enumerate(verdicts, 1):
        if verdict.broken:
            found.append(verdict)
            print(told_of(verdict), file=out, flush=True)
            if keep is not None:
                _keep(verdict, keep)
        now = time.monotonic()
        if now >= told + TELL_SECONDS or done == len(seeds):
            told = now
            rate = done / max(now - begun, 1e-9)
            text = f"{done:,} of {len(seeds):,} seeds, {rate:,.0f} a second, {len(found)} broken"
            print(text, file=out, flush=True)
    return found


def told_of(verdict: Verdict) -> str:
    """What broke, and how to see it again."""
    command = f"python -m sluicegate.simulation --seeds {verdict.seed} --trace"
    what = verdict.broken[:SHOWN]
    return f"seed {verdict.seed} at {verdict.seconds:.3f} s: {what}\n  again: {command}"


def _keep(verdict: Verdict, path: Path) -> None:
    row = {"seed": verdict.seed, "hash": verdict.hash, "broken": verdict.broken}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
