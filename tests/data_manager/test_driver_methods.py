"""The driver and a real database through every method: fed, drained, put back, and all at once."""

from functools import partial
from pathlib import Path

import pytest

from data_manager.core import events, queues
from data_manager.core.explaining import WaitReason
from data_manager.core.model import Failure, RunState, SliceState
from data_manager.core.options import Method, SliceOrder
from fakes import FakeProxies, Worker, done, finished_at_once, silent

METHODS = list(Method)


@pytest.mark.parametrize("order", list(SliceOrder))
@pytest.mark.parametrize("method", METHODS)
async def test_r92_every_method_does_every_slice_once(
    tmp_path: Path, tools, method: Method, order: SliceOrder
):
    proxies = FakeProxies(places=3, behave=partial(finished_at_once, cuts=40))
    async with tools.data_manager(tmp_path / "db", proxies) as driver:
        await driver.begin("b", tools.backup_of(method=method, order=order))
        last = await tools.over(driver, "b")
        await tools.until(lambda: not proxies.running)
    assert last.run.state is RunState.SUCCEEDED
    assert last.slices == {SliceState.DONE: 42}
    assert last.run.counts.files == 41, "each is counted once"


async def test_r92_all_methods_side_by_side_over_one_proxy_manager(tmp_path: Path, tools):
    proxies = FakeProxies(places=5, behave=partial(finished_at_once, cuts=30))
    async with tools.data_manager(tmp_path / "db", proxies) as driver:
        for method in METHODS:
            await driver.begin(method, tools.backup_of(method, method=method))
        for method in METHODS:
            assert (await tools.over(driver, method)).run.state is RunState.SUCCEEDED
        await tools.until(lambda: not proxies.running)
    assert proxies.most_at_once <= 5


async def test_r53_per_slice_gives_each_session_one_slice(tmp_path: Path, tools):
    proxies = FakeProxies(behave=partial(finished_at_once, cuts=5))
    async with tools.data_manager(tmp_path / "db", proxies) as driver:
        await driver.begin("b", tools.backup_of(method=Method.PER_SLICE))
        await tools.over(driver, "b")
    begun = [names for call, names in proxies.calls if call == "initiate"]
    assert len(begun) == 7
    assert "feed" not in dict(proxies.calls)


async def test_r87_a_fed_session_is_told_more_while_it_runs(tmp_path: Path, tools):
    """One place, and all slices go through the one session, which ends only then."""
    proxies = FakeProxies(places=1, behave=partial(finished_at_once, cuts=50))
    async with tools.data_manager(tmp_path / "db", proxies) as driver:
        await driver.begin("b", tools.backup_of(method=Method.CONTINUOUS))
        assert (await tools.over(driver, "b")).run.state is RunState.SUCCEEDED
        await tools.until(lambda: not proxies.running)
    assert len(proxies.over) == 1
    assert [call for call, _ in proxies.calls].count("drain") == 1


async def test_the_next_slice_is_there_before_one_ends(tmp_path: Path, tools):
    proxies = FakeProxies(places=1, behave=silent)
    async with tools.data_manager(tmp_path / "db", proxies) as driver:
        await driver.begin("b", tools.backup_of(method=Method.CONTINUOUS))
        await tools.until(lambda: proxies.running)
        [worker] = proxies.running.values()
        proxies.say(*finished_at_once(worker.session, worker.tasks, cuts=9))
        await tools.until(lambda: len(worker.open) > 1)


async def test_a_session_whose_feeding_is_not_answered_is_asked_again(
    tmp_path: Path, tools, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("data_manager.core.orchestrator.RECONCILE_SECONDS", 0.05)
    proxies = FakeProxies(places=1, behave=partial(finished_at_once, cuts=4))
    proxies.broken = {"feed", "drain"}
    async with tools.data_manager(tmp_path / "db", proxies) as driver:
        await driver.begin("b", tools.backup_of(method=Method.CONTINUOUS))
        await tools.until(lambda: [call for call, _ in proxies.calls].count("feed") > 2)
        proxies.broken = {"drain"}
        assert (await tools.over(driver, "b")).run.state is RunState.SUCCEEDED
        await tools.until(lambda: [call for call, _ in proxies.calls].count("drain") > 0)
        assert proxies.running
        proxies.broken = set()
        await tools.until(lambda: not proxies.running)


async def test_what_a_lost_session_had_before_it_goes_back(tmp_path: Path, tools):
    proxies = FakeProxies(places=1, behave=silent)
    async with tools.data_manager(tmp_path / "db", proxies) as driver:
        await driver.begin("b", tools.backup_of(method=Method.CONTINUOUS))
        await tools.until(lambda: proxies.running)
        [worker] = proxies.running.values()
        proxies.say(*finished_at_once(worker.session, worker.tasks, cuts=9))
        await tools.until(lambda: len(worker.open) > 1)
        proxies.behave = finished_at_once
        lost = events.SessionEnded(worker.session.session_id, Failure.SESSION_LOST, "killed")
        proxies.say(lost)
        last = await tools.over(driver, "b")
    assert last.run.state is RunState.SUCCEEDED
    assert last.slices == {SliceState.DONE: 11}


async def test_r68_new_capacity_is_used_at_once(tmp_path: Path, tools):
    """Long before anybody would ask again of himself."""
    proxies = FakeProxies(places=0, closed=("no_place",))
    async with tools.data_manager(tmp_path / "db", proxies) as driver:
        await driver.begin("b", tools.backup_of(method=Method.PER_SLICE))
        # Told that there is none, it asks again at the next tick, which may be seconds away.
        await tools.until(lambda: "capacity" in [call for call, _ in proxies.calls])
        assert not proxies.running
        proxies.grow(2)
        await tools.until(lambda: proxies.over, seconds=0.5)
        assert (await tools.over(driver, "b")).run.state is RunState.SUCCEEDED


async def test_r55_a_primary_storage_is_limited_over_all_its_assets(tmp_path: Path, tools):
    proxies = FakeProxies(places=9, behave=silent)
    async with tools.data_manager(tmp_path / "db", proxies) as driver:
        await driver.submit(events.StorageLimited("nas", 2))
        for name in "abc":
            await driver.begin(name, tools.backup_of(name, storage="nas", method=Method.PER_SLICE))
        await tools.until(lambda: len(proxies.running) == 2)
        [waiting] = set("abc") - {worker.session.run_id for worker in proxies.running.values()}
        explanation = driver.orchestrator.explain(waiting, None, 0)
        assert WaitReason.STORAGE_LIMIT in explanation.reasons
        assert set(explanation.blocking) == set("abc") - {waiting}
        proxies.behave = finished_at_once
        for worker in list(proxies.running.values()):
            proxies.say(*finished_at_once(worker.session, worker.tasks))
        for name in "abc":
            assert (await tools.over(driver, name)).run.state is RunState.SUCCEEDED
    assert proxies.most_at_once == 2


async def test_a_queue_longer_than_its_window_is_loaded_part_by_part(
    tmp_path: Path, tools, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(queues.Queue.__init__, "__defaults__", (20,))
    proxies = FakeProxies(places=3, behave=partial(finished_at_once, cuts=250))
    async with tools.data_manager(tmp_path / "db", proxies) as driver:
        options = {"method": Method.CONTINUOUS, "order": SliceOrder.LONGEST_FIRST}
        await driver.begin("b", tools.backup_of(**options))
        last = await tools.over(driver, "b")
    assert last.slices == {SliceState.DONE: 252}


async def test_what_a_slice_took_is_its_prediction_next_time(tmp_path: Path, tools):
    proxies = FakeProxies(behave=partial(finished_at_once, cuts=3))
    async with tools.data_manager(tmp_path / "db", proxies) as driver:
        await driver.begin("b1", tools.backup_of())
        await tools.over(driver, "b1")
        proxies.behave = silent
        await driver.begin("b2", tools.backup_of(method=Method.CONTINUOUS))
        await tools.until(lambda: proxies.running)
        [worker] = proxies.running.values()
        proxies.say(*finished_at_once(worker.session, worker.tasks, cuts=3))
        await tools.until(lambda: len(bodies(worker)) >= 1)
        assert {task.slice.predicted_ms for task in bodies(worker)} == {1}
        proxies.say(*(done(worker.session, task) for task in bodies(worker)))


def bodies(worker: Worker) -> list:
    return [task for task in worker.tasks if task.slice.number > 0]
