"""The words of the commands about runs that a data manager has."""

import click

from sluicegate.cli import words

STATES = ("running", "sealing", "succeeded", "partial", "failed", "cancelled")
run_id = click.argument("run_id", metavar="ID", help="A backup, restore, verify or maintenance.")
backup_id = click.argument("backup_id", metavar="BACKUP", help="Its id.")


def _listing(plural: str, text: str) -> click.Command:
    """A command that lists the runs of one kind."""

    @click.command(plural, help=text)
    @click.option(
        "--state",
        "states",
        type=click.Choice(STATES),
        multiple=True,
        help="Only those in this state. May be given several times.",
    )
    @words.count("--last", default=20, most=10_000, help="So many, the newest first.")
    @words.data_manager
    @words.as_json
    def listing(states: tuple[str, ...], last: int, server: str, as_json: bool) -> None:
        from sluicegate.cli import known_runs

        known_runs.show_all(server, plural, states, last, as_json=as_json)

    return listing


@click.command()
@run_id
@click.option("--watch", is_flag=True, help="Until it is over; leaving it does not stop it.")
@words.data_manager
@words.as_json
def status(run_id: str, watch: bool, server: str, as_json: bool) -> None:
    """Show how a run stands, or how it went."""
    from sluicegate.cli import known_runs

    shown = known_runs.watch if watch else known_runs.show
    shown(server, run_id, as_json=as_json)


@click.command()
@run_id
@words.data_manager
def cancel(run_id: str, server: str) -> None:
    """Stop a run. What a backup has stored is used by the next."""
    from sluicegate.cli import known_runs

    known_runs.cancel(server, run_id)


@click.command()
@backup_id
@click.option("--slice", "slice_id", metavar="ID", default="", help="Only this slice of it.")
@words.data_manager
@words.as_json
def explain(backup_id: str, slice_id: str, server: str, as_json: bool) -> None:
    """Say why a backup waits, and when it is predicted to go on."""
    from sluicegate.cli import known_runs

    known_runs.explain(server, backup_id, slice_id, as_json=as_json)


@click.command()
@backup_id
@words.data_manager
@words.as_json
def retry(backup_id: str, server: str, as_json: bool) -> None:
    """Begin a backup anew that did not become whole, in the same way. It is a run of its own."""
    from sluicegate.cli import known_runs

    known_runs.retry(server, backup_id, as_json=as_json)


COMMANDS = (
    _listing("backups", "List the backups of a data manager."),
    _listing("restores", "List its restores."),
    _listing("verifies", "List its verifies and restore drills."),
    _listing("maintenances", "List its maintenances."),
    status,
    cancel,
    explain,
    retry,
)
