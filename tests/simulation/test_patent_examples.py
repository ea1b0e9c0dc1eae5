"""The patent's worked examples, word for word, with both real cores in a simulated world."""

from collections import Counter

from data_manager.core.live import LONGEST_DELAY_SECONDS
from data_manager.core.model import Request, RunKind, RunState, SliceState
from data_manager.core.options import Method, Options
from proxy_manager.core.events import HostDrainAsked, HostLimitAsked
from proxy_manager.core.rules import Policy, Rules
from sluicegate.simulation.scenario import HostPlan, Scenario
from sluicegate.simulation.workload import RunPlan
from sluicegate.simulation.world import World

STEPS_MAX = 1_000_000


def asset(number, slices, **options):
    request = Request(
        RunKind.BACKUP, "/repo", f"asset-{number}", b"/asset", options=Options(**options)
    )
    return RunPlan(f"asset-{number}", request, (1.0,) * slices)


def until(world, condition):
    """Lets a world run until something is so."""
    for _ in range(STEPS_MAX):
        if condition():
            return
        assert world.agenda.step(), "nothing happens any more"
    raise AssertionError("it never comes to be")


def lives(world):
    return world.data_managers[0].orchestrator.state.lives


def ready_to_copy(hosts, assets, streams, **options):
    """A world whose assets are all cut, on a host that takes no more.

    Then others attach, while the data manager is stopped: it sees them all at once, when whoever
    waits may ask again.
    """
    runs = tuple(asset(n, slices, streams=streams, **options) for n, slices in enumerate(assets))
    rules = Rules(policy=Policy.PACK)
    world = World(Scenario(1, (HostPlan("crawler", len(assets)),), runs, rules=rules))
    world.begin()
    data_manager = world.data_managers[0]
    until(world, lambda: len(data_manager.orchestrator.sessions_alive()) == len(assets))
    world.proxy.operate(HostDrainAsked("crawler"))
    until(world, lambda: all(live.run.crawled for live in lives(world).values()))
    until(world, lambda: not data_manager.orchestrator.state.sessions)
    data_manager.program.pause()
    for plan in hosts:
        world.add_host(plan)
    end = world.agenda.now + 2 * LONGEST_DELAY_SECONDS
    until(world, lambda: world.agenda.now >= end)
    data_manager.program.resume()
    return world


def test_r36_r51_r52_ten_assets_of_eighty_slices_and_a_fifth_session_that_is_refused():
    world = ready_to_copy([HostPlan("host", 5)], [80] * 10, streams=5, slices_per_session=8)
    data_manager = world.data_managers[0]
    state = data_manager.orchestrator.state

    # Capacity: five sessions. Each is given eight slices, so that forty are taken of 800.
    until(world, lambda: data_manager.asked_for)
    sessions = list(state.sessions.values())
    assert [len(session.slice_ids) for session in sessions] == [8] * 5
    assert sum(len(live.queue) for live in state.lives.values()) == 760

    # Only four containers can be made when it comes to reserving them.
    world.proxy.operate(HostLimitAsked("host", 4))
    until(world, lambda: not data_manager.asked_for)
    begun = [s for s in sessions if s.session_id in state.sessions]
    [fifth] = [s for s in sessions if s.session_id not in state.sessions]
    assert len(begun) == 4

    # The eight of the fifth are back at the end of their queue, in their order.
    queue = state.lives[fifth.run_id].queue
    assert tuple(queue.ids()[-8:]) == fifth.slice_ids and len(queue) == 80
    assert sum(len(live.queue) for live in state.lives.values()) == 768

    # The containers of the four end when their slices are done; so it goes on until all 800 are.
    until(world, lambda: world.hosts["host"].containers == 4)
    until(world, lambda: world.over)
    slices = [s for rows in data_manager.store.slices.values() for s in rows.values()]
    assert Counter(s.state for s in slices if s.number > 0) == {SliceState.DONE: 800}
    assert {run.state for run in world.ended_runs.values()} == {RunState.SUCCEEDED}
    until(world, lambda: not world.hosts["host"].sessions)


def test_r59_twenty_eight_streams_on_hosts_of_twenty_four_are_twenty_four_and_four():
    hosts = [HostPlan("host-1", 24), HostPlan("host-2", 24)]
    world = ready_to_copy(hosts, [100], streams=28, method=Method.PER_SLICE)
    first, second = world.hosts["host-1"], world.hosts["host-2"]
    until(world, lambda: first.containers + second.containers == 28)
    assert (first.containers, second.containers) == (24, 4)
    until(world, lambda: world.over)


def test_r72_r92_the_same_800_slices_through_each_method():
    for method in Method:
        hosts = [HostPlan("host-1", 24), HostPlan("host-2", 24)]
        world = ready_to_copy(hosts, [80] * 10, streams=48, method=method)
        until(world, lambda world=world: world.over)
        states = Counter(
            slice_.state
            for rows in world.data_managers[0].store.slices.values()
            for slice_ in rows.values()
            if slice_.number > 0
        )
        assert states == {SliceState.DONE: 800}, method
