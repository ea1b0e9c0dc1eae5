"""Runs a command and says what it took: wall, cpu, and the memory of its largest process."""

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RUN_SECONDS = 900.0


@dataclass(frozen=True)
class Taken:
    """What one run took; memory is the largest single process's."""

    wall_seconds: float
    cpu_seconds: float
    peak_mib: float


def take(command: Sequence[object], env: dict[str, str], directory: Path | None = None) -> Taken:
    """Runs a command to its good end. An exit code other than 0 is an error with its words."""
    before = time.monotonic()
    child = subprocess.Popen(
        # A wrapper of its own for each run, so that the figures are of its children alone.
        ["/usr/bin/env", "python3", "-c", WRAPPER, *map(str, command)],
        env=env,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, said = child.communicate(timeout=RUN_SECONDS)
    wall = time.monotonic() - before
    if child.returncode:
        raise SystemExit(
            f"{' '.join(map(str, command))} ended with {child.returncode}:\n{out}{said}"
        )
    cpu, peak_kib = said.splitlines()[-1].split()
    return Taken(wall, float(cpu), int(peak_kib) / 1024)


WRAPPER = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def clean_environment(password: str) -> dict[str, str]:
    """This environment, with one password for both programs."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RESTIC_", "SLUICEGATE_"))}
    return kept | {"RESTIC_PASSWORD": password, "SLUICEGATE_PASSWORD": password}
