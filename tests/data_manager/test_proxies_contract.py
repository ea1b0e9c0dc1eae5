"""What the data manager relies on in a proxy manager: of the fake and of the true one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from data_manager.core import events
from data_manager.core.effects import Initiate
from data_manager.core.model import (
    Failure,
    Request,
    Run,
    RunKind,
    Session,
    SessionState,
    Slice,
    SliceKind,
    SliceState,
)
from data_manager.driver import Proxies
from data_manager.proxies import RemoteProxies
from fakes import FakeProxies, ScriptedHost
from proxy_manager import __main__ as proxy_manager
from proxy_manager.core.model import Times
from sluicegate.rpc.channel import connect
from sluicegate.rpc.refusals import Reason, Refusal, Unreachable
from sluicegate.rpc.tasks import beside
from sluicegate.rpc.tracing import Tracing

PLACES = 3


def work_of(session_id: str) -> Initiate:
    run = Run("v", Request(RunKind.VERIFY, "/repo"))
    slice_ = Slice("v:0", "v", 0, SliceKind.VERIFY, None, SliceState.RUNNING, 1)
    session = Session(session_id, "v", SessionState.INITIATING, ("v:0",))
    return Initiate(session, run, (slice_,))


@dataclass
class Heard:
    """Listens; what it refuses to take is not taken in."""

    outcomes: list[events.Outcome]
    taking: bool = True
    refused: int = 0

    async def take(self, outcomes) -> None:
        if not self.taking:
            self.refused += 1
            raise Unreachable("not now")
        self.outcomes += outcomes

    def ends(self) -> list[str]:
        return [e.session_id for e in self.outcomes if isinstance(e, events.SessionEnded)]


@asynccontextmanager
async def fake() -> AsyncIterator[Proxies]:
    yield FakeProxies(PLACES)


@asynccontextmanager
async def remote() -> AsyncIterator[Proxies]:
    settings = proxy_manager.Settings(("127.0.0.1:0",), times=Times(lease_seconds=1.0))
    async with (
        proxy_manager.running(settings) as [address],
        connect(address, Tracing()) as channel,
    ):
        host = ScriptedHost(address, PLACES)
        async with beside(host.run()):
            await asyncio.wait_for(host.attached.wait(), 10)
            yield RemoteProxies(channel, "dm-test")


@pytest.fixture(params=[fake, remote])
async def proxies(request: pytest.FixtureRequest) -> AsyncIterator[Proxies]:
    make: Callable = request.param
    async with make() as made:
        yield made


async def eventually(proxies: Proxies, places: int) -> None:
    async with asyncio.timeout(10):
        while await proxies.capacity() != places:
            await asyncio.sleep(0.01)


async def test_capacity_is_what_is_free(proxies: Proxies):
    assert await proxies.capacity() == PLACES
    await proxies.reserve(["s1"])
    assert await proxies.capacity() == PLACES - 1
    await proxies.release(["s1", "unknown"])
    await eventually(proxies, PLACES)


async def test_r38_as_many_are_granted_as_there_are_places(proxies: Proxies):
    granted = await proxies.reserve(["s1", "s2", "s3", "s4", "s5"])
    assert len(granted) == PLACES
    assert await proxies.reserve(["s6"]) == frozenset()


async def test_the_same_question_gets_the_same_answer(proxies: Proxies):
    first = await proxies.reserve(["s1", "s2"])
    assert await proxies.reserve(["s1", "s2"]) == first
    assert await proxies.capacity() == PLACES - 2


async def test_what_is_not_held_is_not_initiated(proxies: Proxies):
    with pytest.raises(Refusal) as refused:
        await proxies.initiate(work_of("s1"), "")
    assert refused.value.reason is Reason.RESERVATION_LAPSED


async def test_initiated_twice_it_runs_once(proxies: Proxies, tools):
    heard = Heard([])
    async with beside(proxies.listen(list, heard.take)):
        await proxies.reserve(["s1"])
        await proxies.initiate(work_of("s1"), "")
        await proxies.initiate(work_of("s1"), "")
        await tools.until(heard.ends)
        [ended] = [e for e in heard.outcomes if isinstance(e, events.SliceEnded)]
        assert (ended.slice_id, ended.attempt, ended.failure) == ("v:0", 1, None)
        assert ended.counts.files == 1
        await eventually(proxies, PLACES)
        assert heard.ends() == ["s1"]


async def test_what_is_not_taken_in_is_said_again(proxies: Proxies, tools):
    await proxies.reserve(["s1"])
    await proxies.initiate(work_of("s1"), "")
    heard = Heard([])
    async with beside(proxies.listen(list, heard.take)):
        await tools.until(heard.ends)
    assert [type(e) for e in heard.outcomes] == [events.SliceEnded, events.SessionEnded]


async def test_a_session_that_nobody_has_is_lost(proxies: Proxies, tools):
    heard = Heard([])
    async with beside(proxies.listen(lambda: ["gone"], heard.take)):
        await tools.until(heard.ends)
    [end] = heard.outcomes
    assert isinstance(end, events.SessionEnded)
    assert (end.session_id, end.failure) == ("gone", Failure.SESSION_LOST)


async def test_cancelling_what_is_unknown_is_no_error(proxies: Proxies):
    await proxies.cancel("unknown")


async def test_a_proxy_manager_that_is_not_there_is_unreachable():
    async with connect("127.0.0.1:1", Tracing()) as channel:
        with pytest.raises(Unreachable):
            await RemoteProxies(channel, "dm-test").capacity()


async def test_work_too_large_for_a_message_is_refused_not_tried_for_ever():
    async with remote() as proxies:
        work = work_of("s1")
        huge = Request(RunKind.BACKUP, "/" + "r" * (2 << 20))
        with pytest.raises(Refusal):
            await proxies.initiate(Initiate(work.session, Run("v", huge), work.slices), "")


async def test_outcomes_not_acknowledged_come_again_after_a_broken_stream(tools):
    """The true one alone: it is told that taking in failed, and follows the stream anew."""
    async with remote() as proxies:
        await proxies.reserve(["s1"])
        await proxies.initiate(work_of("s1"), "")
        heard = Heard([], taking=False)
        async with beside(proxies.listen(list, heard.take)):
            await tools.until(lambda: heard.refused)
            heard.taking = True
            await tools.until(heard.ends)
        assert [type(e) for e in heard.outcomes] == [events.SliceEnded, events.SessionEnded]
