"""Runs programs as a person would: the commands of this install, and restic as the oracle."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PASSWORD = "correct horse"
BIN = Path(sys.executable).parent
BACKUP_SECONDS = 600.0


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without anything that speaks of a repository, with the password
    and without a cache, which would lie in the home of whoever runs the tests."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RESTIC_", "SLUICEGATE_"))}
    ours = {"SLUICEGATE_PASSWORD": PASSWORD, "RESTIC_PASSWORD": PASSWORD}
    return kept | ours | {"SLUICEGATE_CACHE_DIRECTORY": ""} | dict(extra or {})


def run(
    *arguments: object, code: int = 0, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end; an unexpected exit code is an error that shows its words."""
    words = [os.fsdecode(a) if isinstance(a, bytes) else str(a) for a in arguments]
    done = subprocess.run(
        words,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=BACKUP_SECONDS,
    )
    assert done.returncode == code, (
        f"{words} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    )
    return done


def sluicegate(
    *arguments: object, code: int = 0, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The `sluicegate` command."""
    return run(BIN / "sluicegate", *arguments, code=code, env=env)


def summary(
    *arguments: object, code: int = 0, env: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The last object that a `--json` run prints."""
    printed = sluicegate(*arguments, "--json", code=code, env=env).stdout.splitlines()
    last: dict[str, Any] = json.loads(printed[-1])
    return last


def restic(repository: Path, *arguments: object, code: int = 0) -> str:
    """Debian's restic on a repository, without its cache."""
    return run("restic", "--no-cache", "-r", repository, *arguments, code=code).stdout


def check_repository(repository: Path) -> None:
    """restic reads every byte back and finds no error."""
    assert "no errors were found" in restic(repository, "check", "--read-data")
