"""One seed: its world runs until every backup has ended and nothing is left lying about."""

from __future__ import annotations

from dataclasses import dataclass

from sluicegate.simulation.checks import hold
from sluicegate.simulation.faults import SLOWEST
from sluicegate.simulation.scenario import Scenario, draw
from sluicegate.simulation.world import World

LOOK_SECONDS = 1.0
# A reservation is sent within the reconcile tick, plus the looks on both sides of it.
WAIT_SECONDS = 5.0 + 2 * LOOK_SECONDS
# What was asked during a fault is asked again when its answer is overdue.
UNANSWERED_SECONDS = 5.0
# From the healing on: a lease, a start, a hold, a stop and their retries, whatever is to be done.
RECOVER_SECONDS = 180.0
# Holds, leases and what is remembered for them are over by then.
LITTER_SECONDS = 120.0


@dataclass(frozen=True)
class Verdict:
    """What came of a seed: the hash of its trace, how many steps and seconds it took."""

    seed: int
    hash: str
    steps: int
    seconds: float
    broken: str = ""
    lines: tuple[str, ...] = ()


def run_seed(seed: int, keep_trace: bool = False) -> Verdict:
    """The verdict on a seed. What breaks is told, not raised."""
    return run(draw(seed), keep_trace)


def run(scenario: Scenario, keep_trace: bool = False) -> Verdict:
    """The verdict on a world."""
    world = World(scenario, keep_trace)
    steps, broken = 0, ""
    try:
        steps = live(world)
    except Exception as error:
        broken = f"{type(error).__name__}: {error}"
    lines = tuple(world.trace.lines)
    return Verdict(scenario.seed, world.trace.hash, steps, world.agenda.now, broken, lines)


def live(world: World) -> int:
    """Runs a world to its end, looking at it every second; the steps it took."""
    world.begin()
    deadline = _deadline(world.scenario)
    steps, waiting_since, waits = 0, 0.0, ""
    agenda = world.agenda
    next_look = LOOK_SECONDS
    while not world.over:
        agenda.step()
        steps += 1
        if agenda.now < next_look:
            continue
        next_look = agenda.now + LOOK_SECONDS
        hold(agenda.now < deadline, "every run ends", deadline, sorted(world.ended_runs))
        who = world.checks.waiting()
        if who != waits:
            waits, waiting_since = who, agenda.now
        since = max(waiting_since, world.faults.last_time + UNANSWERED_SECONDS)
        waited = agenda.now - since if waits else 0.0
        hold(waited < WAIT_SECONDS, "who may have a free place asks for it", waits, waited)
    return steps + _tidy(world)


def _tidy(world: World) -> int:
    """Runs on until nothing is left lying about."""
    if not world.faults.healed:
        world.faults.heal()
    end = world.agenda.now + LITTER_SECONDS
    steps, next_look = 0, world.agenda.now
    while True:
        world.agenda.step()
        steps += 1
        if world.agenda.now >= next_look:
            next_look = world.agenda.now + LOOK_SECONDS
            if not (litter := world.checks.litter()):
                return steps
            hold(world.agenda.now < end, "nothing is left lying about", litter)


def _deadline(scenario: Scenario) -> float:
    """When everything must be over: all work once more on a single stream, however slow."""
    work = sum(plan.total_seconds for plan in scenario.runs)
    longest = max(max(plan.seconds, default=0.0) for plan in scenario.runs)
    slowest = SLOWEST * longest
    begun = max(plan.begin_time for plan in scenario.runs)
    starts = sum(2 * len(plan.seconds) + 6 for plan in scenario.runs)
    start_seconds = max(host.start_seconds for host in scenario.hosts) * 3 + 0.5
    return (
        max(scenario.faults.until, begun)
        + RECOVER_SECONDS
        + 3 * work
        + slowest
        + starts * start_seconds
    )
