"""The words of the command line. Nothing that takes time is imported before it is needed."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from sluicegate.cli.choices import Choices
from sluicegate.cli.failures import ExitCode, say, told
from sluicegate.cli.sizes import parse_size, show_size

SLICE_BYTES_LEAST = 64 << 10
SLICE_BYTES_MOST = 1 << 40


class Method(StrEnum):
    """How slices become sessions."""

    AUTO = "auto"
    BATCH = "batch"
    PER_SLICE = "per-slice"
    CONTINUOUS = "continuous"


class Order(StrEnum):
    """Which slice is next."""

    IN_ORDER = "in-order"
    LONGEST_FIRST = "longest-first"


class QueuePolicy(StrEnum):
    """Which asset's queue is next."""

    FAIR = "fair"
    RANDOM = "random"
    MOST_REMAINING = "most-remaining"
    LEAST_REMAINING = "least-remaining"
    PRIORITY = "priority"
    FIRST_COME = "first-come"


def _slice_bytes(text: str | int) -> int:
    try:
        size = parse_size(str(text))  # the default comes as it is
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if not SLICE_BYTES_LEAST <= size <= SLICE_BYTES_MOST:
        bounds = f"{show_size(SLICE_BYTES_LEAST)} to {show_size(SLICE_BYTES_MOST)}"
        raise typer.BadParameter(f"{text} is out of bounds, which are {bounds}")
    return size


Repo = Annotated[
    str,
    typer.Option(
        "--repo",
        "-r",
        metavar="DIR",
        envvar=["SLUICEGATE_REPOSITORY", "RESTIC_REPOSITORY"],
        help="The directory of the repository.",
    ),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        "-p",
        metavar="F",
        help="Holds the repository's password. Else SLUICEGATE_PASSWORD or RESTIC_PASSWORD, or"
        " their _FILE forms, or it is asked for.",
    ),
]
Server = Annotated[
    str | None,
    typer.Option(
        metavar="ADDR",
        envvar="SLUICEGATE_SERVER",
        help="A data manager that runs, host:port or unix:/path. Without it, all runs in here.",
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="One JSON object a line; the last is the result.")
]
Streams = Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Sessions at once.")]

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    help="Backs up large shares with many streams into a restic repository.",
)


def run() -> NoReturn:
    """The command of this process, to its end."""
    code = ExitCode.ALL
    with told():
        try:
            code = typer.main.get_command(app)(prog_name="sluicegate", standalone_mode=False)
        except TyperException as error:
            context = getattr(error, "ctx", None)
            command = context.command_path if context else "sluicegate"
            say(f"{error.format_message()} (see `{command} --help`)")
            raise SystemExit(error.exit_code) from None
        except typer.Abort:
            raise SystemExit(ExitCode.INTERRUPTED) from None
    raise SystemExit(code or ExitCode.ALL)


@app.callback()
def _options(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show what the services log.")
    ] = False,
) -> None:
    import logging

    if verbose:
        from sluicegate.rpc.logs import set_up_logs

        set_up_logs("sluicegate")
    else:
        logging.getLogger().addHandler(logging.NullHandler())


@app.command()
def backup(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A directory or a file.")],
    repo: Repo,
    password_file: PasswordFile = None,
    method: Annotated[
        Method | None,
        typer.Option(
            help="How slices become sessions.",
            show_default="batch with --slices-per-session, else auto",
        ),
    ] = None,
    streams: Streams = 4,
    slices_per_session: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=1000,
            help="Slices that a session has at most.",
            show_default="8",
        ),
    ] = None,
    slice_bytes: Annotated[
        int | None,
        typer.Option(
            metavar="SIZE",
            parser=_slice_bytes,
            show_default="128MiB",
            help="Bytes a slice holds at most.",
        ),
    ] = None,
    order: Annotated[Order, typer.Option(help="Which slice is next.")] = Order.IN_ORDER,
    priority: Annotated[
        int,
        typer.Option(min=-1000, max=1000, help="More is sooner, where the policy is priority."),
    ] = 0,
    weight: Annotated[
        int, typer.Option(min=1, max=1000, help="The share beside others, where that is fair.")
    ] = 1,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Back up PATH. Exits with 3 when some files could not be read; they are listed."""
    from sluicegate.cli import commands

    commands.backup(
        path,
        repo,
        Choices(
            method=method or "",
            streams=streams,
            slices_per_session=slices_per_session or 0,
            slice_bytes=slice_bytes or 0,
            order=order,
            priority=priority,
            weight=weight,
        ),
        server=server,
        password_file=password_file,
        as_json=as_json,
    )


@app.command()
def restore(
    snapshot: Annotated[str, typer.Argument(metavar="SNAPSHOT", help="An id, or latest.")],
    repo: Repo,
    to: Annotated[str, typer.Option(metavar="DIR", help="Where to; made when missing.")],
    include: Annotated[
        str, typer.Option(metavar="SUBPATH", help="Only this path: absolute, or from the asset on.")
    ] = "",
    password_file: PasswordFile = None,
    streams: Streams = 4,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Restore a snapshot, or one path of it, below a directory."""
    from sluicegate.cli import commands

    commands.restore(
        snapshot,
        repo,
        to,
        include=include,
        streams=streams,
        server=server,
        password_file=password_file,
        as_json=as_json,
    )


@app.command()
def verify(
    repo: Repo,
    snapshot: Annotated[
        str | None, typer.Argument(metavar="[SNAPSHOT]", help="Only what it refers to.")
    ] = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
    server: Server = None,
) -> None:
    """Read every pack of the repository and check every hash."""
    from sluicegate.cli import commands

    commands.verify(snapshot, repo, server=server, password_file=password_file, as_json=as_json)


@app.command()
def snapshots(repo: Repo, password_file: PasswordFile = None, as_json: Json = False) -> None:
    """List the snapshots of the repository."""
    from sluicegate.cli import repositories

    repositories.snapshots(repo, password_file, as_json=as_json)


@app.command()
def init(repo: Repo, password_file: PasswordFile = None, as_json: Json = False) -> None:
    """Make a new repository."""
    from sluicegate.cli import repositories

    repositories.init(repo, password_file, as_json=as_json)


@app.command()
def up(
    data_manager: Annotated[
        str, typer.Option(metavar="ADDR", help="Where the data manager serves.")
    ] = "127.0.0.1:7601",
    proxy_manager: Annotated[
        str, typer.Option(metavar="ADDR", help="Where the proxy manager serves.")
    ] = "127.0.0.1:7602",
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Holds the database. Default: $XDG_STATE_HOME/sluicegate."
        ),
    ] = None,
    sessions: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="Sessions that this host takes.")
    ] = 4,
    queue_policy: Annotated[
        QueuePolicy,
        typer.Option(
            envvar="SLUICEGATE_QUEUE_POLICY", help="Which asset gets the next free stream."
        ),
    ] = QueuePolicy.FAIR,
    password_file: PasswordFile = None,
) -> None:
    """Run the three services in the foreground, for other clients."""
    from sluicegate.cli import up as services

    policy = queue_policy.replace("-", "_")
    services.up(data_manager, proxy_manager, state, sessions, policy, password_file)


@app.command()
def simulate(
    mean: Annotated[
        float | None, typer.Option(metavar="S", min=0.001, help="Seconds that a slice takes.")
    ] = None,
    sigma: Annotated[
        float, typer.Option(min=0.0, max=3.0, help="How far they differ (lognormal).")
    ] = 1.0,
    times: Annotated[
        Path | None,
        typer.Option(
            metavar="F", help="Measured seconds instead: a JSON list, or one for each asset."
        ),
    ] = None,
    assets: Annotated[int, typer.Option(metavar="N", min=1, max=1000)] = 10,
    slices: Annotated[
        int, typer.Option(metavar="N", min=1, max=100_000, help="Slices of each asset.")
    ] = 80,
    hosts: Annotated[int, typer.Option(metavar="N", min=1, max=1000)] = 2,
    places: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="Sessions that each host takes.")
    ] = 24,
    streams: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=100_000, show_default="all places", help="Of each asset."
        ),
    ] = None,
    method: Annotated[Method, typer.Option(help="How slices become sessions.")] = Method.AUTO,
    order: Annotated[Order, typer.Option(help="Which slice is next.")] = Order.IN_ORDER,
    slices_per_session: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="Slices that a session has at most.")
    ] = 8,
    start: Annotated[
        float, typer.Option(metavar="S", min=0.0, help="Seconds that a container takes to start.")
    ] = 0.77,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also with two more hosts, and the other methods.")
    ] = False,
    picture: Annotated[
        Path | None, typer.Option(metavar="F", help="Draw every stream into an SVG or HTML file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Foresee how long backups take, and how full the hosts are, by the code that decides it."""
    from sluicegate.cli import simulate as planning
    from sluicegate.simulation.plan import Question

    question = Question(
        planning.slice_times(times, assets, slices, mean, sigma),
        hosts=hosts,
        sessions_max=places,
        streams=streams or 0,
        method=method.replace("-", "_"),
        order=order.replace("-", "_"),
        slices_per_session=slices_per_session,
        start_seconds=start,
    )
    planning.simulate(question, compare=compare, picture=picture, as_json=as_json)
