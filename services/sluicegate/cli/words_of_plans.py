"""The words of the command that plans."""

from pathlib import Path

import click

from sluicegate.cli import words
from sluicegate.rpc.options import QUEUE_POLICIES, option


@click.command()
@option("--mean", metavar="S", type=click.FloatRange(min=0.001), help="Seconds that a slice takes.")
@option(
    "--sigma",
    type=click.FloatRange(0.0, 3.0),
    default=1.0,
    help="How far they differ (lognormal).",
)
@words.path(
    "--times",
    metavar="F",
    help="Measured seconds instead: a JSON list, or one for each asset.",
)
@option(
    "--times-of",
    metavar="ID",
    multiple=True,
    help="What the slices of a past backup took instead; once for each asset. Needs --server.",
)
@option(
    "--server",
    metavar="ADDR",
    envvar="SLUICEGATE_SERVER",
    help="The data manager that did it, host:port or unix:/path.",
)
@words.count("--assets", default=10)
@words.count("--slices", most=100_000, default=80, help="Slices of each asset.")
@words.count("--hosts", default=2)
@words.count("--places", default=24, help="Sessions that each host takes.")
@words.count("--streams", most=100_000, show_default="all places", help="Of each asset.")
@words.one_of(words.METHODS, "--method", default="auto", help="How slices become sessions.")
@words.one_of(words.ORDERS, "--order", default="in-order", help="Which slice is next.")
@words.one_of(QUEUE_POLICIES, "--queue-policy", default="fair", help="Which asset is next.")
@option(
    "--hedge",
    is_flag=True,
    help="Near the end, start a slice a second time that takes far longer than the others.",
)
@words.count("--slices-per-session", default=8, help="Slices that a session has at most.")
@option(
    "--start",
    metavar="S",
    type=click.FloatRange(min=0.0),
    default=0.77,
    help="Seconds that a container takes to start.",
)
@option("--compare", is_flag=True, help="Also with two more hosts, and the other methods.")
@words.path("--picture", metavar="F", help="Draw every stream into an SVG or HTML file.")
@words.as_json
def simulate(
    mean: float | None,
    sigma: float,
    times: Path | None,
    times_of: tuple[str, ...],
    server: str | None,
    assets: int,
    slices: int,
    hosts: int,
    places: int,
    streams: int | None,
    method: str,
    order: str,
    queue_policy: str,
    hedge: bool,
    slices_per_session: int,
    start: float,
    compare: bool,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Foresee how long backups take, and how full the hosts are, by the code that decides it."""
    from sluicegate.cli import simulate as planning
    from sluicegate.simulation.plan import Question

    question = Question(
        planning.slice_times(times, planning.Past(server, times_of), assets, slices, mean, sigma),
        hosts=hosts,
        sessions_max=places,
        streams=streams or 0,
        method=method.replace("-", "_"),
        order=order.replace("-", "_"),
        policy=queue_policy.replace("-", "_"),
        hedge=hedge,
        slices_per_session=slices_per_session,
        start_seconds=start,
    )
    planning.simulate(question, compare=compare, picture=picture, as_json=as_json)
