"""The words of the commands that prove a repository."""

from pathlib import Path

import click

from sluicegate.cli import words
from sluicegate.rpc.options import option


@click.command()
@click.argument("snapshot", metavar="[SNAPSHOT]", required=False, help="Only what it refers to.")
@words.repo
@option(
    "--part",
    metavar="K/N",
    help="Read only the packs of one part: 1/7 today, 2/7 tomorrow, and so on. 8/7 is 1/7 again.",
)
@words.password_file
@words.streams
@words.as_json
@words.server
def verify(
    snapshot: str | None,
    repo: str,
    part: str | None,
    password_file: Path | None,
    streams: int,
    as_json: bool,
    server: str | None,
) -> None:
    """Read every pack of the repository and check every hash."""
    from sluicegate.cli import commands

    commands.verify(
        snapshot,
        repo,
        part=part,
        streams=streams,
        server=server,
        password_file=password_file,
        as_json=as_json,
    )


@click.command()
@click.argument("snapshot", metavar="[SNAPSHOT]", default="latest", help="By default the latest.")
@words.repo
@words.count("--files", default=100, most=100_000, help="How many files are drawn.")
@words.password_file
@words.as_json
@words.server
def drill(
    snapshot: str,
    repo: str,
    files: int,
    password_file: Path | None,
    as_json: bool,
    server: str | None,
) -> None:
    """Restore some files of a snapshot, drawn anew each time, aside, and compare them.

    Files above 1 GiB are not drawn. A data manager keeps when it was done and how it went.
    """
    from sluicegate.cli import commands

    commands.drill(
        snapshot, repo, files, server=server, password_file=password_file, as_json=as_json
    )
