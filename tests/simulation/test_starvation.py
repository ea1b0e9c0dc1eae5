"""No asset starves: how long one waits has a bound, whatever others do."""

from dataclasses import replace

import pytest

from data_manager.core.model import Request, RunKind
from data_manager.core.options import Method, Options, QueuePolicy
from data_manager.core.turns import PRIORITY_AGE_SECONDS
from simulation.waiting import OVERHEAD_SECONDS, fair_bound, waits
from sluicegate.simulation.plan import Question, drawn_times, foresee
from sluicegate.simulation.report import asset_times
from sluicegate.simulation.scenario import HostPlan, Scenario
from sluicegate.simulation.workload import RunPlan
from sluicegate.simulation.world import World

SLICE_SECONDS = 60.0
FLOOD_SECONDS, FLOODED_PLACES, LOW_SLICES = 3_600.0, 4, 4
CROWD = Question(
    ((SLICE_SECONDS,) * 2_000, *(((SLICE_SECONDS,) * 20,) * 9)), hosts=2, sessions_max=24
)


@pytest.mark.parametrize("method", ["batch", "per_slice", "continuous"])
def test_r23_no_asset_waits_for_its_first_stream_longer_than_one_slice(method):
    forecast = foresee(replace(CROWD, method=method, slices_per_session=1))
    for asset in asset_times(forecast):
        assert asset.first_stream <= SLICE_SECONDS + OVERHEAD_SECONDS, asset


MANY = Question(drawn_times(30, 20, 20.0, 1.0, 3), hosts=2, sessions_max=4)
FEW = Question(drawn_times(5, 60, 20.0, 1.0, 4), hosts=1, sessions_max=12)


@pytest.mark.parametrize("question", [CROWD, MANY, FEW], ids=["crowd", "many", "few"])
@pytest.mark.parametrize(
    ("method", "most"), [("batch", 1), ("batch", 3), ("per_slice", 1), ("continuous", 1)]
)
@pytest.mark.parametrize("order", ["in_order", "longest_first"])
def test_r23_every_slice_gets_its_turn_within_the_bound(question, method, most, order):
    asked = replace(question, method=method, slices_per_session=most, order=order)
    waited = waits(foresee(asked).drawing.bars, fed=method == "continuous")
    held_seconds = most * max(map(max, question.seconds))
    bound = fair_bound(len(question.seconds), question.places, held_seconds)
    worst = max(waited, key=waited.__getitem__)
    assert waited[worst] <= bound, worst
    if most == 1:
        assert len(waited) == sum(map(len, question.seconds)) + 2 * len(question.seconds)


@pytest.mark.parametrize("policy", ["first_come", "most_remaining"])
def test_policies_that_promise_nothing_exceed_the_bound(policy):
    asked = replace(CROWD, method="per_slice", slices_per_session=1, policy=policy)
    waited = waits(foresee(asked).drawing.bars, fed=False)
    assert max(waited.values()) > fair_bound(len(CROWD.seconds), CROWD.places, SLICE_SECONDS)


@pytest.mark.parametrize("method", [Method.PER_SLICE, Method.CONTINUOUS])
def test_r26_the_lowest_priority_advances_in_an_hour_of_floods(method):
    """It is as important as the others after as many steps of ageing; then it has its turns."""
    steps, slice_seconds = 4, 10.0
    bars, _ = flooded(method, steps, slice_seconds)
    first = min(bar.start for bar in bars if bar.slice.run_id == "low")
    assert first <= steps * PRIORITY_AGE_SECONDS + 2 * slice_seconds
    flooding = [bar.start for bar in bars if bar.slice.run_id != "low"]
    assert max(flooding) > first, "others still waited"


@pytest.mark.parametrize("method", [Method.PER_SLICE, Method.CONTINUOUS])
def test_r26_every_slice_of_the_lowest_gets_its_turn_in_an_hour_of_floods(method):
    slice_seconds = 10.0
    bars, most_waiting = flooded(method, 1, slice_seconds)
    low = [bar for bar in bars if bar.slice.run_id == "low"]
    bound = PRIORITY_AGE_SECONDS + fair_bound(most_waiting, FLOODED_PLACES, slice_seconds)
    waited = waits(low, fed=method is Method.CONTINUOUS)
    assert len(waited) == LOW_SLICES + 2 and max(waited.values()) <= bound
    assert max(bar.start for bar in low) < FLOOD_SECONDS, "it needs not wait for the flood's end"


def flooded(method, steps, slice_seconds):
    """What was worked on while a run waited beside an hour of others, so many steps more
    important, that fill all places; and how many of these there were at most at a time."""

    def run(name, priority, slices, begin_time):
        options = Options(streams=FLOODED_PLACES, method=method, priority=priority)
        request = Request(RunKind.BACKUP, "/repo", name, b"/asset", options=options)
        return RunPlan(name, request, (slice_seconds,) * slices, begin_time, 0.0, 0.0)

    every = 2 * slice_seconds
    flood = [
        run(f"r{n}", steps, 2 * FLOODED_PLACES, every * n)
        for n in range(round(FLOOD_SECONDS / every))
    ]
    hosts, runs = (HostPlan("host", FLOODED_PLACES),), (run("low", 0, LOW_SLICES, 1.0), *flood)
    world = World(Scenario(1, hosts, runs, policy=QueuePolicy.PRIORITY), draw=True)
    world.begin()
    most_waiting = 0
    [data_manager] = world.data_managers
    while "low" not in world.ended_runs:
        assert world.agenda.step()
        most_waiting = max(most_waiting, len(data_manager.orchestrator.state.lives))
        assert world.agenda.now < 8 * (steps * PRIORITY_AGE_SECONDS + slice_seconds)
    return world.drawing.bars, most_waiting
