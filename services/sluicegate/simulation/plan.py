"""A planner's question: so much to back up, so many hosts, this method. How long, how full?

The answer is no formula: the cores that will decide on the real day decide here, in virtual time.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from random import Random

from data_manager.core.model import Request, RunKind
from data_manager.core.options import Method, Options, QueuePolicy, SliceOrder
from proxy_manager.core.model import Times
from sluicegate.simulation.baseline import lower_bound, traditional
from sluicegate.simulation.drawing import Drawing
from sluicegate.simulation.scenario import HostPlan, Scenario
from sluicegate.simulation.waits import Waits
from sluicegate.simulation.workload import RunPlan, lognormal
from sluicegate.simulation.world import World

# A world that takes longer than this does not end.
DAYS_MAX = 3_650
LOOK_SECONDS = 1.0
TRADITIONAL = "traditional"
METHODS = (
    (TRADITIONAL, "in_order"),
    ("batch", "in_order"),
    ("per_slice", "longest_first"),
    ("continuous", "longest_first"),
)


class UnusableTimes(Exception):
    """A file of measured times cannot be used; the message says why, in one line."""


@dataclass(frozen=True)
class Question:
    """What there is to back up, and with what. `seconds` has the slice times of each asset.

    `streams` counts for each asset; 0 means all places. `method` is one of the methods, or
    `traditional`. On the last host slices take `slowness` times longer.
    """

    seconds: tuple[tuple[float, ...], ...]
    hosts: int = 2
    sessions_max: int = 24
    streams: int = 0
    method: str = "batch"
    order: str = "in_order"
    slices_per_session: int = 8
    start_seconds: float = 0.77
    crawl_seconds: float = 0.0
    policy: str = "fair"
    hedge: bool = False
    slowness: float = 1.0
    seed: int = 1

    @property
    def places(self) -> int:
        """All places of all hosts."""
        return self.hosts * self.sessions_max

    @property
    def usable(self) -> int:
        """How many streams can ever run at once."""
        return min(self.places, (self.streams or self.places) * max(1, len(self.seconds)))


@dataclass(frozen=True)
class Forecast:
    """How it would go. `use` is the share of the streams' time that is work on slices; so many
    `steps` had to be simulated to know."""

    question: Question
    total_seconds: float
    bound_seconds: float
    use: float
    sessions: int
    drawing: Drawing
    steps: int = 0


def drawn_times(
    assets: int, slices: int, mean_seconds: float, sigma: float, seed: int
) -> tuple[tuple[float, ...], ...]:
    """Slice times for each of so many assets, lognormal, the same for the same seed."""
    random = Random(seed)
    return tuple(
        tuple(lognormal(random, mean_seconds, sigma) for _ in range(slices)) for _ in range(assets)
    )


def measured_times(path: Path) -> tuple[tuple[float, ...], ...]:
    """Slice times from a file: a JSON list of seconds, or of such a list for each asset."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UnusableTimes(f"{path} cannot be read as JSON: {error}") from error
    if isinstance(found, list) and found and not isinstance(found[0], list):
        found = [found]
    try:
        times = tuple(tuple(float(each) for each in asset) for asset in found)
    except (TypeError, ValueError) as error:
        message = f"{path} is no list of seconds, nor of lists of seconds"
        raise UnusableTimes(message) from error
    if not any(times) or min(map(min, filter(None, times))) < 0:
        raise UnusableTimes(f"{path} has no slice times, or negative ones")
    return times


def foresee(question: Question) -> Forecast:
    """How it would go."""
    every = [seconds for asset in question.seconds for seconds in asset]
    bound = lower_bound(every, question.usable)
    if question.method == TRADITIONAL:
        total = traditional(
            every, question.usable, question.slices_per_session, question.start_seconds
        )
        sessions = -(-len(every) // question.slices_per_session)
        return _forecast(question, total, bound, every, sessions, Drawing())
    world = World(scenario(question), draw=True)
    world.begin()
    waits = Waits(world)
    waits.look()
    _until(world, lambda: world.over)
    total = world.agenda.now
    _until_empty(world)
    drawing = world.drawing or Drawing()
    drawing.waits = waits.seconds
    # Containers that end after the last backup has are of no interest to it.
    drawing.stays = [replace(stay, gone=min(stay.gone, total)) for stay in drawing.stays]
    sessions = len({bar.session_id for bar in drawing.bars if bar.slice.number > 0})
    forecast = _forecast(question, total, bound, every, sessions, drawing)
    return replace(forecast, steps=world.agenda.steps)


def _until(world: World, condition: Callable[[], bool]) -> None:
    while not condition():
        world.agenda.step()
        if world.agenda.now > DAYS_MAX * 86_400:
            raise RuntimeError("it does not end")


def _until_empty(world: World) -> None:
    """Until no container is left: of many hosts, looked at only so often."""
    while any(host.sessions for host in world.hosts.values()):
        later = world.agenda.now + LOOK_SECONDS
        while world.agenda.now < later:
            world.agenda.step()


def alternatives(question: Question) -> list[Question]:
    """What else could be done: two more hosts, and each other method in its better order."""
    others = [replace(question, hosts=question.hosts + 2)]
    for method, order in METHODS:
        if (method, order) != (question.method, question.order):
            others.append(replace(question, method=method, order=order))
    return others


def scenario(question: Question) -> Scenario:
    """The world that a question is about: its hosts and its backups, and no fault."""
    hosts = tuple(
        HostPlan(
            f"host-{number}",
            question.sessions_max,
            question.start_seconds,
            load_each=0.0,
            slowness=question.slowness if number == question.hosts else 1.0,
        )
        for number in range(1, question.hosts + 1)
    )
    runs = tuple(
        RunPlan(
            f"asset-{number}",
            Request(RunKind.BACKUP, "/repo", f"asset-{number}", b"/a", options=_options(question)),
            seconds,
            opening_seconds=question.crawl_seconds,
            closing_seconds=0.0,
            cuts_per_batch=1_000,
        )
        for number, seconds in enumerate(question.seconds, 1)
    )
    return Scenario(
        question.seed,
        hosts,
        runs,
        policy=QueuePolicy(question.policy),
        # Nothing goes wrong and nothing is loaded: hosts need not say that they are there.
        times=Times(lease_seconds=inf),
        load_seconds=inf,
        latency_seconds=0.0005,
        commit_seconds=0.001,
    )


def _options(question: Question) -> Options:
    return Options(
        streams=question.streams or question.places,
        slices_per_session=question.slices_per_session,
        method=Method(question.method),
        order=SliceOrder(question.order),
        hedge=question.hedge,
    )


def _forecast(
    question: Question,
    total: float,
    bound: float,
    seconds: Sequence[float],
    sessions: int,
    drawing: Drawing,
) -> Forecast:
    use = sum(seconds) / (question.usable * total) if total else 0.0
    return Forecast(question, total, bound, use, sessions, drawing)
