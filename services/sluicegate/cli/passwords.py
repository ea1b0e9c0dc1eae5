"""Where the repository's password comes from."""

import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path

from sluicegate.cli.failures import CommandError, UsageError

# In this order. Those of restic come last, so that its users need no new ones.
VARIABLES = (
    "SLUICEGATE_PASSWORD_FILE",
    "SLUICEGATE_PASSWORD",
    "RESTIC_PASSWORD_FILE",
    "RESTIC_PASSWORD",
)


def find_password(file: Path | None, *, twice: bool = False) -> bytes:
    """The password: from the file named, from the environment, or asked for on a terminal.

    `twice` asks a second time, for a password that nothing is there to check against.
    """
    password = _from_file(file) if file else _from_environment()
    if password is None:
        password = _ask(twice)
    if not password:
        raise CommandError("the password is empty; a repository must have one")
    return password


def _from_environment() -> bytes | None:
    for name in VARIABLES:
        if value := os.environb.get(os.fsencode(name)):
            return _from_file(Path(os.fsdecode(value))) if name.endswith("_FILE") else value
    return None


def _from_file(file: Path) -> bytes:
    """What is in a file, without the white space around it, as restic reads it."""
    try:
        return file.read_bytes().strip()
    except OSError as error:
        raise CommandError(f"cannot read the password file {file}: {error.strerror}") from error


def _ask(twice: bool, prompt: Callable[[str], str] = getpass.getpass) -> bytes:
    if not sys.stdin.isatty():
        raise UsageError("no password: give --password-file, or set SLUICEGATE_PASSWORD")
    password = prompt("password of the repository: ")
    if twice and prompt("the same again: ") != password:
        raise CommandError("the two are not the same; nothing was made")
    return os.fsencode(password)
