"""The words of the commands that are runs."""

from pathlib import Path

import click

from sluicegate.cli import words
from sluicegate.cli.choices import Choices, Excluding
from sluicegate.cli.words_of_excludes import excluding
from sluicegate.rpc.options import option


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, help="Directories or files.")
@words.repo
@words.password_file
@words.one_of(
    words.METHODS,
    "--method",
    show_default="batch with --slices-per-session, else auto",
    help="How slices become sessions.",
)
@words.streams
@words.count(
    "--slices-per-session",
    show_default="8",
    help="Slices that a session has at most.",
)
@option(
    "--slice-bytes",
    metavar="SIZE",
    type=words.slice_bytes,
    show_default="128MiB",
    help="Bytes a slice holds at most.",
)
@words.one_of(words.ORDERS, "--order", default="in-order", help="Which slice is next.")
@words.count(
    "--priority",
    least=-1000,
    default=0,
    help="More is sooner, where the policy is priority.",
)
@words.count("--weight", default=1, help="The share beside others, where that is fair.")
@option(
    "--hedge",
    is_flag=True,
    help="Near the end, start a slice a second time that takes far longer than the others.",
)
@option(
    "--storage-wait",
    "storage_wait_seconds",
    metavar="DURATION",
    type=words.storage_wait_seconds,
    default="15m",
    help="How long to wait while backup storage is away or full; 0 fails at once.",
)
@option(
    "--limit-read",
    "read_bytes_per_second",
    metavar="SIZE",
    type=words.bytes_per_second,
    show_default="no limit",
    help="What all streams together read of the asset each second, at most.",
)
@excluding
@words.as_json
@words.server
def backup(
    paths: tuple[str, ...],
    repo: str,
    password_file: Path | None,
    method: str | None,
    streams: int,
    slices_per_session: int | None,
    slice_bytes: int | None,
    order: str,
    priority: int,
    weight: int,
    hedge: bool,
    storage_wait_seconds: int,
    read_bytes_per_second: int | None,
    excluding: Excluding,
    as_json: bool,
    server: str | None,
) -> None:
    """Back up each PATH into a snapshot of its own, several at once.

    Exits with 3 when some files could not be read; they are listed.
    """
    from sluicegate.cli import commands

    commands.backup(
        paths,
        repo,
        Choices(
            method=method or "",
            streams=streams,
            slices_per_session=slices_per_session or 0,
            slice_bytes=slice_bytes or 0,
            order=order,
            priority=priority,
            weight=weight,
            hedge=hedge,
            storage_wait_seconds=storage_wait_seconds,
            read_bytes_per_second=read_bytes_per_second or 0,
        ),
        excluding,
        server=server,
        password_file=password_file,
        as_json=as_json,
    )


@click.command()
@click.argument("snapshot", metavar="SNAPSHOT", help="An id, or latest.")
@words.repo
@option("--to", metavar="DIR", required=True, help="Where to; made when missing.")
@option(
    "--include",
    metavar="SUBPATH",
    default="",
    show_default=False,
    help="Only this path: absolute, or from the asset on.",
)
@words.one_of(
    words.OVERWRITES,
    "--overwrite",
    default="always",
    help="What of DIR gives way to the snapshot's: all that differs, files of another size or"
    " time, what is older, or nothing.",
)
@option("--dry-run", is_flag=True, help="Write nothing; say what would be written.")
@option(
    "--drop-privileges",
    is_flag=True,
    help="Leave out setuid and setgid bits, devices, and attributes such as capabilities.",
)
@words.password_file
@words.streams
@words.as_json
@words.server
def restore(
    snapshot: str,
    repo: str,
    to: str,
    include: str,
    overwrite: str,
    dry_run: bool,
    drop_privileges: bool,
    password_file: Path | None,
    streams: int,
    as_json: bool,
    server: str | None,
) -> None:
    """Restore a snapshot, or one path of it, below a directory."""
    from sluicegate.cli import commands

    commands.restore(
        snapshot,
        repo,
        to,
        include=include,
        overwrite=overwrite,
        dry_run=dry_run,
        drop_privileges=drop_privileges,
        streams=streams,
        server=server,
        password_file=password_file,
        as_json=as_json,
    )
