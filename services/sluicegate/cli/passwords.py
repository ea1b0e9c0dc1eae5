"""Where the repository's password comes from."""

import getpass
import os
import sys
from collections.abc import Callable
from itertools import chain
from pathlib import Path

from container_agent.host import passwords
from sluicegate.cli.failures import CommandError, UsageError

# In this order. Those of restic come last, so that its users need no new ones.
VARIABLES = tuple(chain(*zip(passwords.FILE_VARIABLES, passwords.VARIABLES, strict=True)))


def find_password(file: Path | None, *, twice: bool = False) -> bytes:
    """The password: from the file named, from the environment, or asked for on a terminal.

    `twice` asks a second time, for a password that nothing is there to check against.
    """
    try:
        return passwords.find_password(file, os.environ)
    except passwords.PasswordUnreadable as error:
        raise CommandError(str(error)) from error
    except passwords.PasswordMissing:
        password = _ask(twice)
    if not password:
        raise CommandError("the password is empty; a repository must have one")
    return password


def _ask(twice: bool, prompt: Callable[[str], str] = getpass.getpass) -> bytes:
    if not sys.stdin.isatty():
        raise UsageError("no password: give --password-file, or set SLUICEGATE_PASSWORD")
    password = prompt("password of the repository: ")
    if twice and prompt("the same again: ") != password:
        raise CommandError("the two are not the same; nothing was made")
    return os.fsencode(password)
