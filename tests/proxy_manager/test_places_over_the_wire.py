"""Capacity, Reserve, Initiate: over a real server, with real hosts and real session processes."""

import asyncio

import pytest

from hosting import Times, world
from sluicegate.rpc.refusals import Reason, Refusal, understanding
from sluicegate.v1 import proxy_manager_service_pb2 as pb


async def test_r29_r31_capacity_is_what_the_attached_hosts_can_take(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        client = await w.client()
        empty = await client.capacity()
        assert (empty.sessions, list(empty.hosts)) == (0, [])
        await w.host("h1", 3)
        await w.host("h2", 2)
        full = await client.capacity()
        assert full.sessions == 5
        assert full.revision > empty.revision
        assert [(host.host_name, host.sessions_max) for host in full.hosts] == [
            ("h1", 3),
            ("h2", 2),
        ]


async def test_r43_r45_r46_one_container_per_session_which_is_gone_when_it_ends(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        await w.host(sessions_max=2)
        client = await w.client()
        async with client.listening() as outcomes:
            assert await client.granted("s1", "s2") == ["s1", "s2"]
            held = await client.capacity()
            assert (held.sessions, held.hosts[0].held) == (0, 2)
            await client.initiate("s1", "ok:1", "ok:2")
            await client.initiate("s2", "ok:3")
            end = await outcomes.end_of("s1")
            assert (end.failure, end.message) == (0, "")
            slice_ids = [o.slice_end.slice_id for o in outcomes.of("s1")]
            assert slice_ids == ["ok:1", "ok:2", ""]
            assert [o.outcome_number for o in outcomes.of("s1")] == [1, 2, 3]
            await outcomes.end_of("s2")
            await client.free(2)


async def test_r37_r38_r39_one_request_names_all_and_each_is_granted_or_declined(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        await w.host(sessions_max=4)
        client = await w.client()
        answers = await client.reserve("s1", "s2", "s3", "s4", "s5")
        assert [a.WhichOneof("answer") for a in answers.values()] == ["granted"] * 4 + ["declined"]
        assert answers["s5"].declined.reason == pb.DECLINE_REASON_NO_PLACE
        assert 0 < answers["s1"].granted.expiry_seconds <= 50


async def test_r38_without_a_host_none_is_granted(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        client = await w.client()
        answers = await client.reserve("s1")
        assert answers["s1"].declined.reason == pb.DECLINE_REASON_NO_HOST


async def test_r57_r58_sixty_four_callers_at_once_get_exactly_the_ten_places(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        await w.host("h1", 6)
        await w.host("h2", 4)
        client = await w.client()
        answers = await asyncio.gather(*(client.reserve(f"s{n}") for n in range(64)))
        told = [answer for by_id in answers for answer in by_id.values()]
        hosts = [answer.granted.host_name for answer in told if answer.HasField("granted")]
        assert (hosts.count("h1"), hosts.count("h2")) == (6, 4)
        assert sum(answer.HasField("declined") for answer in told) == 54


async def test_f7_reserving_again_gives_the_same_answer(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        await w.host("h1", 2)
        await w.host("h2", 2)
        client = await w.client()
        first, second = await asyncio.gather(client.reserve("s1"), client.reserve("s1"))
        third = await client.reserve("s1")
        hosts = {answers["s1"].granted.host_name for answers in (first, second, third)}
        assert hosts == {"h1"}
        assert (await client.capacity()).sessions == 3


async def test_f18_initiating_after_the_hold_is_refused_and_the_place_is_free_again(tmp_path):
    async with world(tmp_path) as w:
        await w.manager(Times(hold_seconds=0.5))
        await w.host(sessions_max=1)
        client = await w.client()
        assert await client.granted("s1") == ["s1"]
        await client.free(1)
        with pytest.raises(Refusal) as refused:
            await client.initiate("s1", "ok:1")
        assert refused.value.reason is Reason.RESERVATION_LAPSED
        assert await client.granted("s2") == ["s2"]


async def test_f21_initiating_fifty_times_is_initiating_once(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        await w.host()
        client = await w.client()
        async with client.listening() as outcomes:
            await client.granted("s1")
            await asyncio.gather(*(client.initiate("s1", "ok:1") for _ in range(50)))
            await outcomes.end_of("s1")
            assert len(outcomes.of("s1")) == 2


async def test_f19_a_session_that_cannot_begin_is_declined_and_leaves_nothing(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        await w.host(sessions_max=3)
        client = await w.client()
        answers = await client.reserve("unborn", "imposter", "good")
        assert answers["unborn"].declined.reason == pb.DECLINE_REASON_START_FAILED
        assert answers["unborn"].declined.message == "it cannot even begin"
        assert answers["imposter"].declined.message == "broken: PERMISSION_DENIED"
        assert answers["good"].HasField("granted")
        assert (await client.capacity()).sessions == 2


async def test_released_places_are_free_when_their_containers_are_gone(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        await w.host(sessions_max=2)
        client = await w.client()
        await client.granted("s1", "s2")
        await client.stub.Release(pb.ReleaseRequest(session_ids=["s1", "s2", "unknown"]))
        await client.free(2)


async def test_r68_r70_r71_who_watches_is_told_when_capacity_grows(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        client = await w.client()
        watching = client.stub.WatchCapacity(pb.WatchCapacityRequest())
        assert (await watching.read()).capacity.sessions == 0
        await w.host("h1", 3)
        assert (await watching.read()).capacity.sessions == 3
        await client.stub.AnnounceCapacity(pb.AnnounceCapacityRequest())
        assert (await watching.read()).capacity.sessions == 3
        watching.cancel()


async def test_t6_a_stream_that_is_not_opened_by_a_hello_is_refused(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        client = await w.client()
        acknowledge = pb.SliceDoneAcknowledgement(through_number=1)
        call = client.stub.SliceDone()
        await call.write(pb.SliceDoneRequest(acknowledge=acknowledge))
        with pytest.raises(Refusal) as refused, understanding():
            await call.read()
        assert refused.value.reason is Reason.INVALID
