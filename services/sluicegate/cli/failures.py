"""How a command ends, and how it says why."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import NoReturn

from sluicegate.rpc.text import one_line


class ExitCode(IntEnum):
    """What a command's exit code means."""

    ALL = 0
    NOTHING = 1
    USAGE = 2
    SOME_UNREAD = 3
    INTERRUPTED = 130


class CommandError(Exception):
    """The command cannot do what was asked; the message says what to do about it."""

    def __init__(self, message: str, code: int = ExitCode.NOTHING) -> None:
        super().__init__(message)
        self.code = code


class UsageError(CommandError):
    """The command was not called as it must be."""

    def __init__(self, message: str) -> None:
        super().__init__(message, ExitCode.USAGE)


@contextmanager
def told() -> Iterator[None]:
    """Ends the program with one line instead of a traceback."""
    try:
        yield
        sys.stdout.flush()
    except SystemExit:
        raise
    except BaseException as error:
        _leave(innermost(error))


def innermost(error: BaseException) -> BaseException:
    """What went wrong first, out of the groups that task groups wrap it in."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _leave(error: BaseException) -> NoReturn:
    from asyncio import CancelledError

    if isinstance(error, KeyboardInterrupt | CancelledError):
        say("interrupted; what was stored is kept and used by the next run")
        sys.exit(ExitCode.INTERRUPTED)
    if isinstance(error, CommandError):
        say(str(error))
        sys.exit(error.code)
    if isinstance(error, BrokenPipeError):
        # Whoever read the output has gone; at its end Python would try to write the rest again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.NOTHING)
    if isinstance(error, OSError):
        say(f"{error.strerror or error}" + (f": {error.filename}" if error.filename else ""))
        sys.exit(ExitCode.NOTHING)
    # What the services raise of their own is written for people; the rest is a fault of ours.
    ours = type(error).__module__ != "builtins" and str(error)
    say(str(error) if ours else f"a fault of Sluicegate, please report it: {error!r}")
    sys.exit(ExitCode.NOTHING)


def say(message: str) -> None:
    """One line for a person, on stderr."""
    print(f"sluicegate: {one_line(message)}", file=sys.stderr, flush=True)
