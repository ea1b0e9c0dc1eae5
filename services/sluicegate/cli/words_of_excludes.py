"""The words that say what a backup passes over: restic's, with restic's meanings."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path

import click

from sluicegate.cli import words
from sluicegate.cli.choices import Excluding
from sluicegate.rpc.options import Command, Words, option

SIZE_MOST = (1 << 64) - 1


def size(text: str) -> int:
    """A size that files may have at most; without a limit there is no such word."""
    found = words.size(text)
    if not 0 < found <= SIZE_MOST:
        raise click.BadParameter(f"{text} is out of bounds, which are 1 B to 16 EiB")
    return found


def several(*names: str, metavar: str, told: str) -> Words:
    """An option that may be given several times."""
    return option(*names, metavar=metavar, multiple=True, show_default=False, help=told)


WORDS = (
    several(
        "--exclude",
        "-e",
        metavar="PATTERN",
        told="Pass over what matches: `*.tmp`, `/srv/a/**/b`; `!` takes back.",
    ),
    several("--iexclude", metavar="PATTERN", told="The same, whatever the case of letters."),
    words.path(
        "--exclude-file",
        metavar="FILE",
        multiple=True,
        show_default=False,
        help="Patterns as of --exclude, one a line, `#` begins a comment, `$NAME` is replaced.",
    ),
    several(
        "--exclude-if-present",
        metavar="NAME[:HEADER]",
        told="Of a directory with a file of this name, that begins so, take only this file.",
    ),
    option("--exclude-caches", is_flag=True, help="The same where CACHEDIR.TAG says cache."),
    option("--one-file-system", "-x", is_flag=True, help="Do not go into other file systems."),
    option(
        "--exclude-larger-than",
        metavar="SIZE",
        type=size,
        show_default=False,
        help="Pass over larger files.",
    ),
)


def excluding(command: Callable[..., None]) -> Command:
    """Gives a command all these words, gathered in its one argument `excluding`."""

    @wraps(command)
    def gathered(
        *,
        exclude: tuple[str, ...],
        iexclude: tuple[str, ...],
        exclude_file: tuple[Path, ...],
        exclude_if_present: tuple[str, ...],
        exclude_caches: bool,
        one_file_system: bool,
        exclude_larger_than: int | None,
        **others: object,
    ) -> None:
        told = Excluding(
            exclude,
            iexclude,
            exclude_file,
            exclude_if_present,
            exclude_caches,
            one_file_system,
            exclude_larger_than or 0,
        )
        command(excluding=told, **others)

    made: Command = gathered
    for word in reversed(WORDS):
        made = word(made)
    return made
