"""Sessions that run: fed, drained, cancelled, dying; and hosts and services that come and go."""

import asyncio

import pytest

import proxy_manager.__main__ as manager
from container_agent.__main__ import running as running_host
from hosting import TIMES, Times, until, world
from sluicegate.rpc.refusals import Reason, Refusal
from sluicegate.v1 import outcome_pb2
from sluicegate.v1 import proxy_manager_service_pb2 as pb

LOST = outcome_pb2.FAILURE_REASON_SESSION_LOST


async def test_a_fed_session_goes_on_until_it_is_drained(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        await w.host()
        client = await w.client()
        async with client.listening() as outcomes:
            await client.granted("s1")
            await client.initiate("s1", "ok:1", drain=False)
            await client.feed("s1", "ok:2", "ok:3")
            await client.stub.Drain(pb.DrainRequest(session_id="s1"))
            assert (await outcomes.end_of("s1")).failure == 0
            slice_ids = [o.slice_end.slice_id for o in outcomes.of("s1")]
            assert slice_ids == ["ok:1", "ok:2", "ok:3", ""]
            with pytest.raises(Refusal) as refused:
                await client.feed("s1", "ok:4")
            assert refused.value.reason is Reason.SESSION_UNKNOWN
            await client.stub.Drain(pb.DrainRequest(session_id="unknown"))


async def test_a_cancelled_session_is_asked_first(tmp_path):
    async with world(tmp_path) as w:
        await w.manager(Times(grace_seconds=15))
        await w.host()
        client = await w.client()
        async with client.listening() as outcomes:
            await client.granted("s1")
            await client.initiate("s1", "hang:1")
            await client.stub.Cancel(pb.CancelRequest(session_id="s1"))
            await client.stub.Cancel(pb.CancelRequest(session_id="unknown"))
            assert (await outcomes.end_of("s1", 10)).failure == 0
            ended = outcomes.of("s1")[0].slice_end
            assert ended.failure == outcome_pb2.FAILURE_REASON_CANCELLED


async def test_f2_a_session_that_hangs_is_killed_after_the_grace(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        await w.host()
        client = await w.client()
        async with client.listening() as outcomes:
            await client.granted("s1")
            await client.initiate("s1", "stuck:1")
            await client.stub.Cancel(pb.CancelRequest(session_id="s1"))
            end = await outcomes.end_of("s1", 10)
            assert (end.failure, end.message) == (LOST, "the session was killed by SIGKILL")
            await client.free(4)


async def test_f1_a_session_that_dies_is_told_with_its_last_words(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        await w.host()
        client = await w.client()
        async with client.listening() as outcomes:
            await client.granted("s1")
            await client.initiate("s1", "ok:1", "die:1", "ok:2")
            end = await outcomes.end_of("s1")
            assert (end.failure, end.message) == (LOST, "it died of itself")
            assert [o.outcome_number for o in outcomes.of("s1")] == [1, 2]
            await client.free(4)


async def test_d6_what_is_not_acknowledged_is_sent_again_on_a_new_stream(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        await w.host()
        client = await w.client()
        await client.granted("s1")
        await client.initiate("s1", "ok:1", "ok:2")
        async with client.listening(commit=False) as outcomes:
            await until(lambda: len(outcomes.of("s1")) == 2)
            await outcomes.acknowledge(1)
        async with client.listening(commit=False) as outcomes:
            await until(lambda: outcomes.numbered)
            (again,) = outcomes.numbered
            assert (again.number, again.outcome.slice_end.slice_id) == (1, "ok:2")
            await outcomes.acknowledge(1)
            assert (await outcomes.end_of("s1")).failure == 0


async def test_outcomes_go_to_the_data_manager_whose_session_it_is(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        await w.host()
        ours, theirs = await w.client("ours"), await w.client("theirs")
        async with ours.listening() as our_outcomes, theirs.listening() as their_outcomes:
            await ours.granted("s1")
            await theirs.granted("s2")
            await ours.initiate("s1", "ok:1")
            await theirs.initiate("s2", "ok:1")
            await our_outcomes.end_of("s1")
            await their_outcomes.end_of("s2")
            assert {n.outcome.session_id for n in our_outcomes.numbered} == {"s1"}
            assert {n.outcome.session_id for n in their_outcomes.numbered} == {"s2"}


async def test_f22_a_proxy_manager_that_restarts_loses_no_session_and_no_outcome(tmp_path):
    async with world(tmp_path) as w:
        async with manager.running(w.manager_settings()):
            await w.host()
            client = await w.client()
            await client.granted("s1", "s2")
            await client.initiate("s1", "ok:1", "hang:1", drain=False)
            async with client.listening(commit=False) as outcomes:
                await until(lambda: outcomes.of("s1"))
        async with (
            manager.running(w.manager_settings()),
            client.listening("s1", "s2") as outcomes,
        ):
            await client.free(2)
            host = (await client.capacity()).hosts[0]
            assert (host.running, host.held) == (1, 1)
            await client.initiate("s2", "ok:1")
            await client.stub.Cancel(pb.CancelRequest(session_id="s1"))
            assert (await outcomes.end_of("s1")).failure == 0
            assert (await outcomes.end_of("s2")).failure == 0
            numbers = [o.outcome_number for o in outcomes.of("s1")]
            assert numbers == [1, 2, 3]


async def test_sessions_that_nobody_has_are_ended_once_hosts_had_time_to_attach(tmp_path):
    async with world(tmp_path) as w:
        await w.manager(Times(lease_seconds=1))
        client = await w.client()
        async with client.listening("never") as outcomes:
            end = await outcomes.end_of("never", 5)
            assert (end.failure, end.message) == (LOST, "no proxy host has it")


async def test_f20_a_host_that_ends_says_goodbye_and_ends_its_sessions(tmp_path):
    async with world(tmp_path) as w:
        await w.manager(Times(lease_seconds=60))
        client = await w.client()
        async with client.listening() as outcomes:
            async with running_host(w.host_settings()):
                await client.granted("s1", "s2")
                await client.initiate("s1", "ok:1", "hang:1")
                await until(lambda: outcomes.of("s1"))
            ended = outcomes.of("s1")
            assert ended[1].slice_end.failure == outcome_pb2.FAILURE_REASON_CANCELLED
            assert (await outcomes.end_of("s1", 5)).failure == 0
            await until(lambda: _no_hosts(client))


async def _no_hosts(client) -> bool:
    return not (await client.capacity()).hosts


async def test_f1_a_host_that_is_killed_is_lost_and_its_sessions_are_ended(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        client = await w.client()
        async with client.listening() as outcomes, _killable(w) as host:
            await until(lambda: _attached(client), 10)
            await client.granted("s1")
            await client.initiate("s1", "hang:1")
            host.kill()
            end = await outcomes.end_of("s1", TIMES.lease_seconds + 5)
            assert end.failure == LOST
            lost = await client.capacity()
            assert (lost.sessions, lost.hosts[0].closed) == (0, pb.DECLINE_REASON_HOST_LOST)
            # It comes back, without what it had.
            await w.host("h1", 4)
            assert (await client.capacity()).sessions == 4


async def test_f2_a_host_that_wakes_late_kills_what_was_counted_as_lost(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        client = await w.client()
        async with client.listening() as outcomes, _killable(w) as host:
            await until(lambda: _attached(client), 10)
            await client.granted("s1")
            await client.initiate("s1", "hang:1")
            host.send_signal(19)
            await outcomes.end_of("s1", TIMES.lease_seconds + 5)
            host.send_signal(18)
            await client.free(4)
            assert len(outcomes.of("s1")) == 1


async def _attached(client) -> bool:
    return (await client.capacity()).sessions == 4


class _killable:
    """A host as a process of its own."""

    def __init__(self, w) -> None:
        self.world = w

    async def __aenter__(self):
        import sys

        code = (
            "import asyncio, sys, pathlib\n"
            "from container_agent.__main__ import Settings, running\n"
            "async def main():\n"
            "    s = Settings(sys.argv[1], 'h1', 4, pathlib.Path(sys.argv[2]), lambda: b'p',\n"
            "                 (sys.executable, sys.argv[3]))\n"
            "    async with running(s):\n"
            "        await asyncio.sleep(600)\n"
            "asyncio.run(main())\n"
        )
        settings = self.world.host_settings()
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            code,
            settings.proxy_manager,
            str(settings.run_directory),
            settings.session_command[1],
        )
        return self.process

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
