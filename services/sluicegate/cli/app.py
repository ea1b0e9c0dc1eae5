"""The command line. Nothing that takes time is imported before it is needed."""

from typing import NoReturn

import click

from sluicegate.cli.failures import ExitCode, say, told
from sluicegate.cli.words_of_hosts import COMMANDS as HOST_COMMANDS
from sluicegate.cli.words_of_known_runs import COMMANDS as RUN_COMMANDS
from sluicegate.cli.words_of_maintenance import COMMANDS as MAINTENANCE_COMMANDS
from sluicegate.cli.words_of_plans import simulate
from sluicegate.cli.words_of_runs import backup, restore
from sluicegate.cli.words_of_services import health, init, snapshots, up
from sluicegate.cli.words_of_verifies import drill, verify


@click.group(no_args_is_help=False)
@click.option("--verbose", "-v", is_flag=True, help="Show what the services log.")
def app(verbose: bool) -> None:
    """Backs up large shares with many streams into a restic repository."""
    import logging

    if verbose:
        from sluicegate.rpc.logs import set_up_logs

        set_up_logs("sluicegate")
    else:
        logging.getLogger().addHandler(logging.NullHandler())


for _command in (backup, restore, verify, drill, snapshots, init, up, health, simulate):
    app.add_command(_command)
for _command in (*MAINTENANCE_COMMANDS, *RUN_COMMANDS, *HOST_COMMANDS):
    app.add_command(_command)


def run() -> NoReturn:
    """The command of this process, to its end."""
    code = ExitCode.ALL
    with told():
        try:
            code = app(prog_name="sluicegate", standalone_mode=False)
        except click.ClickException as error:
            context = getattr(error, "ctx", None)
            command = context.command_path if context else "sluicegate"
            say(f"{error.format_message()} (see `{command} --help`)")
            raise SystemExit(error.exit_code) from None
        except click.Abort:
            raise SystemExit(ExitCode.INTERRUPTED) from None
    raise SystemExit(code or ExitCode.ALL)
