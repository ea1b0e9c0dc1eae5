"""Options that several commands take, each in one form. Nothing here imports what takes time."""

from pathlib import Path
from typing import Any

import click

from sluicegate.cli.sizes import parse_seconds, parse_size, show_size
from sluicegate.rpc.options import Command, Words, option

METHODS = ("auto", "batch", "per-slice", "continuous")
ORDERS = ("in-order", "longest-first")
OVERWRITES = ("always", "if-changed", "if-newer", "never")
SLICE_BYTES_LEAST = 64 << 10
# With less a large chunk would take more than a minute.
RATE_LEAST = 128 << 10
SLICE_BYTES_MOST = 1 << 40
STORAGE_WAIT_SECONDS_MOST = 30 * 86_400


def count(*names: str, least: int = 1, most: int = 1000, **settings: Any) -> Words:  # noqa: ANN401
    """An option that is a whole number within bounds."""
    return option(*names, type=click.IntRange(least, most), **{"metavar": "N"} | settings)


def path(*names: str, **settings: Any) -> Words:  # noqa: ANN401
    """An option that is a path of this machine."""
    return option(*names, type=click.Path(path_type=Path), **settings)


def one_of(words: tuple[str, ...], *names: str, **settings: Any) -> Words:  # noqa: ANN401
    """An option that is one of some words."""
    return option(*names, type=click.Choice(words), **settings)


def size(text: str) -> int:
    """A size in bytes, as `64KiB` or `1G`."""
    try:
        return parse_size(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def slice_bytes(text: str) -> int:
    """A size that slices may have."""
    found = size(text)
    if not SLICE_BYTES_LEAST <= found <= SLICE_BYTES_MOST:
        bounds = f"{show_size(SLICE_BYTES_LEAST)} to {show_size(SLICE_BYTES_MOST)}"
        raise click.BadParameter(f"{text} is out of bounds, which are {bounds}")
    return found


def bytes_per_second(text: str) -> int:
    """A size that is read each second."""
    found = size(text)
    if found < RATE_LEAST:
        raise click.BadParameter(f"{text} a second is less than {show_size(RATE_LEAST)}")
    return found


def duration(text: str) -> int:
    """Seconds, as `90s`, `15m`, `2h` or `1d`."""
    try:
        return parse_seconds(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def storage_wait_seconds(text: str) -> int:
    """How long a run may wait for its storage."""
    seconds = duration(text)
    if seconds > STORAGE_WAIT_SECONDS_MOST:
        raise click.BadParameter(f"{text} is more than 30 days")
    return seconds


def repo(command: Command) -> Command:
    """Which repository."""
    return option(
        "--repo",
        "-r",
        metavar="REPO",
        required=True,
        envvar=["SLUICEGATE_REPOSITORY", "RESTIC_REPOSITORY"],
        help="The repository: a directory, or a place in an object store: s3:…, gs:…, azure:….",
    )(command)


def password_file(command: Command) -> Command:
    """Where its password is."""
    return path(
        "--password-file",
        "-p",
        metavar="F",
        help="Holds the repository's password. Else SLUICEGATE_PASSWORD or RESTIC_PASSWORD, or"
        " their _FILE forms, or it is asked for.",
    )(command)


def server(command: Command) -> Command:
    """Who does it."""
    return option(
        "--server",
        metavar="ADDR",
        envvar="SLUICEGATE_SERVER",
        help="A data manager that runs, host:port or unix:/path. Without it, all runs in here.",
    )(command)


def as_json(command: Command) -> Command:
    """For whom it is shown."""
    return option(
        "--json",
        "as_json",
        is_flag=True,
        help="One JSON object a line; the last is the result.",
    )(command)


def streams(command: Command) -> Command:
    """How many at once."""
    return count("--streams", default=4, help="Sessions at once.")(command)


def data_manager(command: Command) -> Command:
    """The data manager that is asked."""
    return option(
        "--server",
        metavar="ADDR",
        envvar="SLUICEGATE_SERVER",
        default="127.0.0.1:7601",
        help="The data manager, host:port or unix:/path.",
    )(command)


def proxy_manager(command: Command) -> Command:
    """The proxy manager that is asked."""
    return option(
        "--proxy-manager",
        metavar="ADDR",
        envvar="SLUICEGATE_PROXY_MANAGER",
        default="127.0.0.1:7602",
        help="The proxy manager, host:port or unix:/path.",
    )(command)
