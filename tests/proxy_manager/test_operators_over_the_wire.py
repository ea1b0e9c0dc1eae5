"""What operators set for a host, over the wire, and that it lasts."""

import pytest

import container_agent.__main__ as agent
import proxy_manager.__main__ as manager
from hosting import until, world
from proxy_manager.core.model import (
    HostSettings,
)
from proxy_manager.settings_store import DatabaseUnusable, settings_database
from sluicegate.rpc.refusals import Reason as Why
from sluicegate.rpc.refusals import Refusal, understanding
from sluicegate.v1 import proxy_manager_service_pb2 as pb


async def test_settings_outlast_the_database_being_closed(tmp_path):
    path = tmp_path / "settings.db"
    async with settings_database(path) as store:
        assert await store.kept() == []
        await store.keep(HostSettings("b", 4))
        await store.keep(HostSettings("a", 0, draining=True))
        await store.keep(HostSettings("b", 5))
    async with settings_database(path) as store:
        assert await store.kept() == [HostSettings("a", 0, True), HostSettings("b", 5)]
        for name in ("a", "x"):
            await store.forget(name)
    async with settings_database(path) as store:
        assert await store.kept() == [HostSettings("b", 5)]


async def test_a_database_that_cannot_be_used_is_told_in_one_line(tmp_path):
    for path, message in (
        (tmp_path / "missing" / "settings.db", "unable to open"),
        (tmp_path / "text", "not a database"),
    ):
        if path.name == "text":
            path.write_text("no database at all, whatever its length may be " * 20)
        with pytest.raises(DatabaseUnusable, match=message):
            async with settings_database(path):
                pass


async def test_f20_limits_and_drained_hosts_outlast_a_restart_of_the_proxy_manager(tmp_path):
    async with world(tmp_path) as w:
        settings = manager.Settings((w.address,), database=tmp_path / "settings.db")
        async with manager.running(settings):
            await w.host("h1", 4)
            await w.host("h2", 4)
            client = await w.client()
            await client.stub.SetHostLimit(pb.SetHostLimitRequest(host_name="h1", sessions_max=6))
            await client.stub.DrainHost(pb.DrainHostRequest(host_name="h2"))
            assert (await client.capacity()).sessions == 6
        async with manager.running(settings):
            await client.free(6)
            await until(lambda: _closed(client, "h2", pb.DECLINE_REASON_HOST_DRAINING))
            await client.stub.ResumeHost(pb.ResumeHostRequest(host_name="h2"))
            await client.stub.SetHostLimit(pb.SetHostLimitRequest(host_name="h1"))
            await client.free(8)


async def _closed(client, host_name: str, reason: int) -> bool:
    hosts = {host.host_name: host for host in (await client.capacity()).hosts}
    return host_name in hosts and hosts[host_name].closed == reason


async def test_f20_a_host_is_drained_over_the_wire_and_its_fed_session_ends(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        await w.host("h1", 2)
        client = await w.client()
        async with client.listening() as outcomes:
            await client.granted("s1")
            await client.initiate("s1", "ok:1", drain=False)
            for _ in range(2):
                await client.stub.DrainHost(pb.DrainHostRequest(host_name="h1"))
            assert (await outcomes.end_of("s1")).failure == 0
            answers = await client.reserve("s2")
            assert answers["s2"].declined.reason == pb.DECLINE_REASON_HOST_DRAINING


async def test_f20_a_host_that_left_is_removed_over_the_wire_for_good(tmp_path):
    async with world(tmp_path) as w:
        settings = manager.Settings((w.address,), database=tmp_path / "settings.db")
        remove = pb.RemoveHostRequest(host_name="h1")
        async with manager.running(settings):
            client = await w.client()
            async with agent.running(w.host_settings("h1", 2)):
                await client.free(2)
                await client.granted("s1")
                await client.stub.SetHostLimit(
                    pb.SetHostLimitRequest(host_name="h1", sessions_max=3)
                )
                told = await client.stub.GetHost(pb.GetHostRequest(host_name="h1"))
                assert (told.host.state, told.host.offered, told.host.limit) == (
                    pb.HOST_STATE_ATTACHED, 2, 3,
                )  # fmt: skip
                [session] = told.sessions
                assert (session.session_id, session.stage) == ("s1", pb.PLACE_STAGE_HELD)
                with pytest.raises(Refusal) as refused, understanding():
                    await client.stub.RemoveHost(remove)
                assert refused.value.reason is Why.HOST_ATTACHED
            await until(lambda: _known(client, {"h1": pb.HOST_STATE_AWAY}))
            await client.stub.RemoveHost(remove)
            assert await _known(client, {})
        async with manager.running(settings):
            assert await _known(client, {})


async def _known(client, states: dict[str, int]) -> bool:
    hosts = (await client.stub.ListHosts(pb.ListHostsRequest(), wait_for_ready=True)).hosts
    return {host.capacity.host_name: host.state for host in hosts} == states


async def test_who_watches_over_the_wire_is_told_of_limits_and_of_announcements_R69_R71(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        await w.host("h1", 2)
        client = await w.client()
        watching = client.stub.WatchCapacity(pb.WatchCapacityRequest())
        first = await watching.read()
        assert (first.capacity.sessions, first.announced) == (2, False)
        await client.stub.SetHostLimit(pb.SetHostLimitRequest(host_name="h1", sessions_max=5))
        raised = await watching.read()
        assert (raised.capacity.sessions, raised.announced) == (5, False)
        await client.stub.AnnounceCapacity(pb.AnnounceCapacityRequest())
        assert (await watching.read()).announced
        watching.cancel()


async def test_a_host_that_never_attached_is_refused_over_the_wire(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        client = await w.client()
        for call, request in (
            (client.stub.SetHostLimit, pb.SetHostLimitRequest(host_name="x", sessions_max=1)),
            (client.stub.DrainHost, pb.DrainHostRequest(host_name="x")),
            (client.stub.ResumeHost, pb.ResumeHostRequest(host_name="x")),
            (client.stub.GetHost, pb.GetHostRequest(host_name="x")),
            (client.stub.RemoveHost, pb.RemoveHostRequest(host_name="x")),
        ):
            with pytest.raises(Refusal) as refused, understanding():
                await call(request)
            assert refused.value.reason is Why.HOST_UNKNOWN
            assert refused.value.metadata["host_name"] == "x"


async def test_a_second_attempt_avoids_a_host_over_the_wire(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        await w.host("h1", 4)
        await w.host("h2", 4)
        client = await w.client()
        request = pb.ReserveRequest(
            data_manager_id="dm",
            session_ids=["s1", "s2"],
            avoid=[
                pb.AvoidedHosts(session_id="s1", host_names=["h1"]),
                pb.AvoidedHosts(session_id="s2", host_names=["h1", "h2"]),
            ],
        )
        first, second = (await client.stub.Reserve(request, timeout=60)).answers
        assert first.granted.host_name == "h2"
        assert second.declined.reason == pb.DECLINE_REASON_NO_PLACE
