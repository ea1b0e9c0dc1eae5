"""The words of the commands that make a repository, list what it has, and run the services."""

from pathlib import Path

import click

from sluicegate.cli import words
from sluicegate.rpc.options import option, queue_policy


@click.command()
@words.repo
@words.password_file
@words.as_json
def snapshots(repo: str, password_file: Path | None, as_json: bool) -> None:
    """List the snapshots of the repository."""
    from sluicegate.cli import repositories

    repositories.snapshots(repo, password_file, as_json=as_json)


@click.command()
@words.repo
@words.password_file
@words.as_json
def init(repo: str, password_file: Path | None, as_json: bool) -> None:
    """Make a new repository."""
    from sluicegate.cli import repositories

    repositories.init(repo, password_file, as_json=as_json)


@click.command()
@option(
    "--data-manager",
    metavar="ADDR",
    default="127.0.0.1:7601",
    help="Where the data manager serves.",
)
@option(
    "--proxy-manager",
    metavar="ADDR",
    default="127.0.0.1:7602",
    help="Where the proxy manager serves.",
)
@words.path(
    "--state",
    metavar="DIR",
    help="Holds the database. Default: $XDG_STATE_HOME/sluicegate.",
)
@words.count("--sessions", default=4, help="Sessions that this host takes.")
@queue_policy
@words.password_file
def up(
    data_manager: str,
    proxy_manager: str,
    state: Path | None,
    sessions: int,
    queue_policy: str,
    password_file: Path | None,
) -> None:
    """Run the three services in the foreground, for other clients."""
    from sluicegate.cli import up as services

    services.up(data_manager, proxy_manager, state, sessions, queue_policy, password_file)


@click.command()
@click.argument("addresses", metavar="[ADDR]...", nargs=-1, help="Only the services there.")
@words.data_manager
@words.proxy_manager
@words.as_json
def health(addresses: tuple[str, ...], server: str, proxy_manager: str, as_json: bool) -> None:
    """Say whether the services serve and the proxy hosts are there; exits with 1 unless they do."""
    from sluicegate.cli import health

    health.health(server, proxy_manager, addresses, as_json=as_json)
