"""No asset starves: how long one waits has a bound, whatever others do."""

from dataclasses import replace

import pytest

from data_manager.core.model import Request, RunKind
from data_manager.core.options import Method, Options, QueuePolicy
from data_manager.core.turns import PRIORITY_AGE_SECONDS
from sluicegate.simulation.plan import Question, foresee
from sluicegate.simulation.report import asset_times
from sluicegate.simulation.scenario import HostPlan, Scenario
from sluicegate.simulation.workload import RunPlan
from sluicegate.simulation.world import World

SLICE_SECONDS = 60.0
# Reserve, start and the commits between.
OVERHEAD_SECONDS = 2.0
CROWD = Question(
    ((SLICE_SECONDS,) * 2_000, *(((SLICE_SECONDS,) * 20,) * 9)), hosts=2, sessions_max=24
)


@pytest.mark.parametrize("method", ["batch", "per_slice", "continuous"])
def test_r23_no_asset_waits_for_its_first_stream_longer_than_one_slice(method):
    forecast = foresee(replace(CROWD, method=method, slices_per_session=1))
    for asset in asset_times(forecast):
        assert asset.first_stream <= SLICE_SECONDS + OVERHEAD_SECONDS, asset


@pytest.mark.parametrize("method", [Method.PER_SLICE, Method.CONTINUOUS])
def test_r26_the_lowest_priority_advances_in_an_hour_of_floods(method):
    """It is as important as the others after as many steps of ageing; then it has its turns."""
    steps, slice_seconds, places = 4, 10.0, 4

    def run(name, priority, slices, begin_time):
        options = Options(streams=places, method=method, priority=priority)
        request = Request(RunKind.BACKUP, "/repo", name, b"/asset", options=options)
        return RunPlan(name, request, (slice_seconds,) * slices, begin_time, 0.0, 0.0)

    flood = [run(f"r{n}", steps, 2 * places, 20.0 * n) for n in range(180)]
    low = run("low", 0, 6, 1.0)
    scenario = Scenario(1, (HostPlan("host", places),), (low, *flood), policy=QueuePolicy.PRIORITY)
    world = World(scenario, draw=True)
    world.begin()
    while "low" not in world.ended_runs:
        assert world.agenda.step()
        # It is one of the contenders each time that its age has grown by the steps between them.
        assert world.agenda.now < 8 * (steps * PRIORITY_AGE_SECONDS + slice_seconds)
    bars = [bar for bar in world.drawing.bars if bar.slice.run_id == "low"]
    first = min(bar.start for bar in bars)
    assert first <= steps * PRIORITY_AGE_SECONDS + 2 * slice_seconds
    flooding = [bar.start for bar in world.drawing.bars if bar.slice.run_id != "low"]
    assert max(flooding) > first, "others still waited"
