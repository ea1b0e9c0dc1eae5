"""What the data manager relies on in a proxy manager: of the fake and of the true one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from data_manager.core import events
from data_manager.core.model import (
    Failure,
)
from data_manager.core.options import Method
from data_manager.ports import Proxies
from data_manager.proxies import RemoteProxies
from fakes import FakeProxies
from proxied import PLACES, Heard, assignment, fake, reached, remote, session_of
from scripted import ScriptedHost
from sluicegate.rpc.channel import connect
from sluicegate.rpc.refusals import Reason, Refusal, Unreachable
from sluicegate.rpc.tasks import beside
from sluicegate.rpc.tracing import Tracing


@pytest.fixture(params=[fake, remote])
async def proxies(request: pytest.FixtureRequest) -> AsyncIterator[Proxies]:
    make: Callable = request.param
    async with make() as made:
        yield made


async def eventually(proxies: Proxies, places: int) -> None:
    async with asyncio.timeout(10):
        while (await proxies.capacity())[0] != places:
            await asyncio.sleep(0.01)


async def test_capacity_is_what_is_free(proxies: Proxies):
    assert await proxies.capacity() == (PLACES, ())
    await proxies.reserve(["s1"], {})
    assert await proxies.capacity() == (PLACES - 1, ())
    await proxies.release(["s1", "unknown"])
    await eventually(proxies, PLACES)


async def test_r38_as_many_are_granted_as_there_are_places(proxies: Proxies):
    granted = await proxies.reserve(["s1", "s2", "s3", "s4", "s5"], {})
    assert len(granted) == PLACES
    assert await proxies.reserve(["s6"], {}) == {}


async def test_a_session_does_not_go_to_the_host_that_it_is_to_avoid(proxies: Proxies):
    [host_name] = (await proxies.reserve(["s1"], {})).values()
    assert await proxies.reserve(["s2"], {"s2": host_name}) == {}
    assert await proxies.reserve(["s3"], {"s3": "another"}) == {"s3": host_name}


async def test_the_same_question_gets_the_same_answer(proxies: Proxies):
    first = await proxies.reserve(["s1", "s2"], {})
    assert await proxies.reserve(["s1", "s2"], {}) == first
    assert (await proxies.capacity())[0] == PLACES - 2


async def test_what_is_not_held_is_not_initiated(proxies: Proxies):
    with pytest.raises(Refusal) as refused:
        await proxies.initiate(session_of("s1"), [assignment()])
    assert refused.value.reason is Reason.RESERVATION_LAPSED


async def test_initiated_twice_it_runs_once(proxies: Proxies, tools):
    heard = Heard()
    async with beside(proxies.listen(heard.listener())):
        await proxies.reserve(["s1"], {})
        await proxies.initiate(session_of("s1"), [assignment()])
        await proxies.initiate(session_of("s1"), [assignment()])
        await tools.until(heard.ends)
        [ended] = [e for e in heard.outcomes if isinstance(e, events.SliceEnded)]
        assert (ended.slice_id, ended.attempt, ended.failure) == ("v:0", 1, None)
        assert ended.counts.files == 1
        await eventually(proxies, PLACES)
        assert heard.ends() == ["s1"]


async def test_what_is_not_taken_in_is_said_again(proxies: Proxies, tools):
    await proxies.reserve(["s1"], {})
    await proxies.initiate(session_of("s1"), [assignment()])
    heard = Heard()
    async with beside(proxies.listen(heard.listener())):
        await tools.until(heard.ends)
    assert [type(e) for e in heard.outcomes] == [events.SliceEnded, events.SessionEnded]


async def test_a_session_that_nobody_has_is_lost(proxies: Proxies, tools):
    heard = Heard(["gone"])
    async with beside(proxies.listen(heard.listener())):
        await tools.until(heard.ends)
    [end] = heard.outcomes
    assert isinstance(end, events.SessionEnded)
    assert (end.session_id, end.failure) == ("gone", Failure.SESSION_LOST)


async def test_cancelling_and_draining_what_is_unknown_is_no_error(proxies: Proxies):
    await proxies.cancel("unknown")
    await proxies.drain("unknown")


async def test_r88_a_fed_session_does_all_it_is_given_once_and_ends_when_drained(
    proxies: Proxies, tools
):
    heard = Heard()
    async with beside(proxies.listen(heard.listener())):
        await proxies.reserve(["s1"], {})
        await proxies.initiate(session_of("s1", Method.CONTINUOUS), [assignment()])
        for numbers in ([1, 2], [2, 3]):
            fed = {"s1": [assignment(number) for number in numbers]}
            assert await proxies.feed(fed) == frozenset()
        await tools.until(lambda: len(heard.done()) >= 4)
        assert not heard.ends()
        assert (await proxies.capacity())[0] == PLACES - 1
        for _ in range(2):
            await proxies.drain("s1")
        await tools.until(heard.ends)
        await eventually(proxies, PLACES)
    assert heard.done() == ["v:0", "v:1", "v:2", "v:3"]
    assert heard.ends() == ["s1"]


async def test_the_same_slice_at_a_new_attempt_is_done_again(proxies: Proxies, tools):
    heard = Heard()
    async with beside(proxies.listen(heard.listener())):
        await proxies.reserve(["s1"], {})
        await proxies.initiate(session_of("s1", Method.CONTINUOUS), [assignment(0)])
        await proxies.feed({"s1": [assignment(0, attempt=2)]})
        await tools.until(lambda: len(heard.done()) >= 2)
    attempts = [e.attempt for e in heard.outcomes if isinstance(e, events.SliceEnded)]
    assert attempts == [1, 2]


async def test_who_cannot_be_fed_is_named_and_the_others_are_fed(proxies: Proxies, tools):
    heard = Heard()
    async with beside(proxies.listen(heard.listener())):
        await proxies.reserve(["s1", "s2"], {})
        for name in ("s1", "s2"):
            await proxies.initiate(session_of(name, Method.CONTINUOUS), [assignment()])
        await proxies.drain("s2")
        foods = {name: [assignment(1)] for name in ("unknown", "s1", "s2")}
        assert await proxies.feed(foods) == {"unknown", "s2"}
        await tools.until(lambda: "v:1" in heard.done())
    assert heard.done().count("v:1") == 1


async def test_more_food_than_one_message_holds_goes_in_several(proxies: Proxies, tools):
    heard = Heard()
    async with beside(proxies.listen(heard.listener())):
        await proxies.reserve(["s1"], {})
        await proxies.initiate(session_of("s1", Method.CONTINUOUS), [assignment()])
        many = [replace(assignment(n), traceparent="t" * 100) for n in range(1, 6_001)]
        assert await proxies.feed({"s1": many}) == frozenset()
        await tools.until(lambda: len(heard.done()) >= 6_001)
    assert heard.done() == [f"v:{number}" for number in range(6_001)]


async def test_a_connection_is_told_before_any_outcome(proxies: Proxies, tools):
    heard = Heard()
    async with beside(proxies.listen(heard.listener())):
        await tools.until(lambda: heard.connections)
    assert heard.connections == 1


async def test_who_watches_is_told_at_once_what_there_is(proxies: Proxies, tools):
    heard = Heard()
    async with beside(proxies.watch(heard.listener())):
        await tools.until(lambda: heard.growths)


async def test_r68_new_capacity_is_told(tools):
    """Of the true one: a host attaches. The fake is told to grow."""
    heard, fake_heard, grown = Heard(), Heard(), FakeProxies(PLACES)
    async with (
        reached() as (proxies, address),
        beside(proxies.watch(heard.listener())),
        beside(grown.watch(fake_heard.listener())),
    ):
        await tools.until(lambda: heard.growths and fake_heard.growths)
        grown.grow(1)
        async with beside(ScriptedHost(address, 1).run()):
            await tools.until(lambda: heard.growths > 1 and fake_heard.growths > 1)
            assert (await proxies.capacity(), await grown.capacity()) == ((1, ()), (PLACES + 1, ()))


async def test_why_a_host_takes_none_is_told_with_the_capacity():
    async with remote() as proxies:
        await proxies.reserve(["s1", "s2", "s3"], {})
        assert await proxies.capacity() == (0, ("no_place",))


async def test_a_proxy_manager_that_is_not_there_is_unreachable():
    async with connect("127.0.0.1:1", Tracing()) as channel:
        with pytest.raises(Unreachable):
            await RemoteProxies(channel, "dm-test").capacity()


async def test_work_too_large_for_a_message_is_refused_not_tried_for_ever():
    async with remote() as proxies:
        huge = replace(session_of("s1"), repository="/" + "r" * (2 << 20))
        with pytest.raises(Refusal):
            await proxies.initiate(huge, [assignment()])


async def test_outcomes_not_acknowledged_come_again_after_a_broken_stream(tools):
    """The true one alone: it is told that taking in failed, and follows the stream anew."""
    async with remote() as proxies:
        await proxies.reserve(["s1"], {})
        await proxies.initiate(session_of("s1"), [assignment()])
        heard = Heard(taking=False)
        async with beside(proxies.listen(heard.listener())):
            await tools.until(lambda: heard.refused)
            heard.taking = True
            await tools.until(heard.ends)
        assert [type(e) for e in heard.outcomes] == [events.SliceEnded, events.SessionEnded]
