"""The driver: commits first, then speaks; goes on after any death."""

import asyncio
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from data_manager.core import events
from data_manager.core.effects import SaveRun
from data_manager.core.model import Counts, Request, Run, RunKind, RunState, SliceState
from data_manager.core.orchestrator import Orchestrator
from data_manager.driver import Driver
from data_manager.spans import Spans
from fakes import FakeDatabase, FakeProxies, finished_at_once, silent
from sluicegate.rpc.refusals import Reason, Refusal
from sluicegate.rpc.tasks import beside
from sluicegate.rpc.tracing import Tracing

NOTHING = events.Restarted((), (), (), (), {}, {})


async def test_r3_a_backup_from_request_to_repository_snapshot(tmp_path: Path, tools):
    proxies = FakeProxies(places=2)
    async with tools.data_manager(tmp_path / "db", proxies) as driver:
        await driver.begin("b", tools.backup_of(streams=2, slices_per_session=1))
        last = await tools.over(driver, "b")
    assert last.run.state is RunState.SUCCEEDED
    assert last.slices == {SliceState.DONE: 5}
    assert last.run.counts == Counts(files=4), "the crawl's are not counted twice"
    assert last.run.result_id == b"r" * 32
    assert last.run.snapshot_id == b"p" * 32
    assert last.run.end_time_ns >= last.run.start_time_ns > 0
    assert last.run.streams_peak <= 2
    assert not proxies.running and not proxies.held


@pytest.mark.parametrize("kind", [RunKind.RESTORE, RunKind.VERIFY])
async def test_restores_and_verifies_run_the_same_way(tmp_path: Path, tools, kind: RunKind):
    async with tools.data_manager(tmp_path / "db", FakeProxies()) as driver:
        await driver.begin("r", Request(kind, "/repo", snapshot="latest"))
        assert (await tools.over(driver, "r")).run.state is RunState.SUCCEEDED


async def test_r22_several_assets_side_by_side(tmp_path: Path, tools):
    async with tools.data_manager(tmp_path / "db", FakeProxies(places=3)) as driver:
        for name in "abcdef":
            await driver.begin(name, tools.backup_of(name))
        for name in "abcdef":
            assert (await tools.over(driver, name)).run.state is RunState.SUCCEEDED


async def test_nothing_is_said_before_it_is_committed(tools):
    database, proxies = FakeDatabase(), FakeProxies()
    driver = Driver(Orchestrator("dm", lambda: 0.1), database, proxies, Spans(Tracing()))
    async with beside(driver.run(NOTHING)):
        database.open.clear()
        begun = asyncio.create_task(driver.begin("b", tools.backup_of()))
        await asyncio.sleep(0.1)
        assert proxies.calls == []
        assert await driver.watches.standing("b") is None
        assert not begun.done()
        database.open.set()
        assert (await begun).run.run_id == "b"
        await tools.until(lambda: proxies.calls)


async def test_an_outcome_is_acknowledged_after_its_commit(tmp_path: Path, tools):
    proxies = FakeProxies(behave=silent)
    async with tools.data_manager(tmp_path / "db", proxies) as driver:
        await driver.begin("b", tools.backup_of())
        await tools.until(lambda: proxies.running)
        [work] = proxies.running.values()
        said = finished_at_once(work.session, work.tasks, 2)
        proxies.say(*said)
        await tools.until(lambda: not proxies.outbox)
        standing = await driver._database.standing("b")
        assert standing is not None and standing.run.bodies == 2


async def test_a_failed_commit_ends_the_data_manager(tools):
    database = FakeDatabase()
    driver = Driver(Orchestrator("dm", lambda: 0.1), database, FakeProxies(), Spans(Tracing()))
    database.failing = OSError("no space left")
    running = asyncio.create_task(driver.run(NOTHING))
    begun = asyncio.create_task(driver.begin("b", tools.backup_of()))
    with pytest.raises(ExceptionGroup):
        await running
    begun.cancel()


async def test_r11_a_restart_goes_on_where_the_database_is(tmp_path: Path, tools):
    """The data manager dies again and again, at any await, while sessions work on."""
    proxies = FakeProxies(places=2, behave=partial(finished_at_once, cuts=20))
    begun = False
    for life in range(60):
        async with tools.data_manager(tmp_path / "db", proxies) as driver:
            if not begun:
                await driver.begin("b", tools.backup_of(streams=2, slices_per_session=2))
                begun = True
            standing = await driver.watches.standing("b")
            if standing and standing.run.state.terminal:
                break
            await asyncio.sleep(0.003 * (life % 10))
    else:
        raise AssertionError("it does not end")
    assert standing.run.state is RunState.SUCCEEDED
    assert standing.run.bodies == 20
    assert standing.slices == {SliceState.DONE: 22}


async def test_sessions_that_nobody_knows_after_a_restart_are_lost(tmp_path: Path, tools):
    first = FakeProxies(behave=silent)
    async with tools.data_manager(tmp_path / "db", first) as driver:
        await driver.begin("b", tools.backup_of())
        await tools.until(lambda: first.running)
    other = FakeProxies()
    async with tools.data_manager(tmp_path / "db", other) as driver:
        last = await tools.over(driver, "b")
    assert last.run.state is RunState.SUCCEEDED
    assert len(other.believed) == 1


async def test_a_proxy_manager_that_does_not_answer_is_asked_again(tmp_path: Path, tools):
    proxies = FakeProxies(broken={"capacity"})
    async with tools.data_manager(tmp_path / "db", proxies) as driver:
        await driver.begin("b", tools.backup_of())
        for broken in ("capacity", "reserve", "initiate"):
            proxies.broken = {broken}
            before = len(proxies.calls)
            await tools.until(lambda n=before, b=broken: b in dict(proxies.calls[n:]))
        proxies.broken = set()
        assert (await tools.over(driver, "b")).run.state is RunState.SUCCEEDED
    assert ("release", ()) not in proxies.calls
    assert "release" in dict(proxies.calls)


async def test_cancel_stops_what_runs(tmp_path: Path, tools):
    proxies = FakeProxies(behave=silent)
    async with tools.data_manager(tmp_path / "db", proxies) as driver:
        await driver.begin("b", tools.backup_of())
        await tools.until(lambda: proxies.running)
        await driver.submit(events.CancelAsked("b"))
        assert (await tools.over(driver, "b")).run.state is RunState.CANCELLED
    assert not proxies.running


async def test_d1_the_same_request_again_is_the_same_run(tmp_path: Path, tools):
    async with tools.data_manager(tmp_path / "db", FakeProxies()) as driver:
        request = tools.backup_of()
        both = await asyncio.gather(driver.begin("b", request), driver.begin("b", request))
        assert both[0].run.start_time_ns == both[1].run.start_time_ns
        await tools.over(driver, "b")
        assert (await driver.begin("b", request)).run.state is RunState.SUCCEEDED
        with pytest.raises(Refusal) as refused:
            await driver.begin("b", replace(request, repository="/other"))
        assert refused.value.reason is Reason.BACKUP_EXISTS


async def test_a_watch_tells_at_once_then_at_most_four_times_a_second(tmp_path: Path, tools):
    proxies = FakeProxies(behave=silent)
    async with tools.data_manager(tmp_path / "db", proxies) as driver:
        await driver.begin("b", tools.backup_of())
        await tools.until(lambda: proxies.running)
        [work] = proxies.running.values()
        told: list[tuple[float, RunState]] = []

        async def watch() -> None:
            async for standing in driver.watches.watch("b"):
                told.append((time.monotonic(), standing.run.state))

        async with beside(watch()):
            began = time.monotonic()
            while time.monotonic() < began + 1.1:
                proxies.say(
                    events.Progressed(work.session.session_id, "b:0", 1, Counts(files=len(told)))
                )
                await asyncio.sleep(0.01)
            await driver.submit(events.CancelAsked("b"))
            await tools.until(lambda: told[-1][1] is RunState.CANCELLED)
    assert told[0][0] - began < 0.3
    assert 3 <= len(told) <= 7
    assert all(sum(t <= at < t + 1 for at, _ in told) <= 4 for t, _ in told)


async def test_a_watch_ends_when_the_data_manager_does(tmp_path: Path, tools):
    proxies = FakeProxies(places=0)
    async with tools.data_manager(tmp_path / "db", proxies) as driver:
        await driver.begin("b", tools.backup_of())
        watch = driver.watches.watch("b")
        await anext(watch)
        waiting = asyncio.ensure_future(anext(watch))
        await asyncio.sleep(0)
        driver.watches.close()
        with pytest.raises(Refusal) as refused:
            await waiting
        assert refused.value.reason is Reason.SHUTTING_DOWN
        with pytest.raises(Refusal):
            await driver.begin("c", tools.backup_of())


async def test_many_events_are_one_commit(tools):
    database, proxies = FakeDatabase(), FakeProxies(places=0)
    driver = Driver(Orchestrator("dm", lambda: 0.1), database, proxies, Spans(Tracing()))
    database.open.clear()
    async with beside(driver.run(NOTHING)):
        first = asyncio.create_task(driver.begin("first", tools.backup_of()))
        await asyncio.sleep(0.01)
        many = [
            asyncio.create_task(driver.submit(events.RunBegun(Run(f"b{n}", tools.backup_of()))))
            for n in range(50)
        ]
        await asyncio.sleep(0.01)
        database.open.set()
        await asyncio.gather(first, *many)
    runs = [sum(isinstance(change, SaveRun) for change in commit) for commit in database.commits]
    assert 50 in runs
