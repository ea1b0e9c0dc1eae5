"""What operators set for a host: limits, draining, and that it lasts."""

import pytest

import container_agent.__main__ as agent
import proxy_manager.__main__ as manager
from hosting import until, world
from placing import Scene
from proxy_manager.core import effects as do
from proxy_manager.core import events as ev
from proxy_manager.core.model import (
    HostPresent,
    HostSettings,
    HostState,
    HostUnknown,
    Reason,
    SessionUnknown,
    Times,
)
from proxy_manager.settings_store import DatabaseUnusable, settings_database
from sluicegate.rpc.refusals import Reason as Why
from sluicegate.rpc.refusals import Refusal, understanding
from sluicegate.v1 import proxy_manager_service_pb2 as pb

DRAINING = Reason.HOST_DRAINING


def orders(scene: Scene) -> list[do.Order]:
    return [effect.order for effect in scene.effects if isinstance(effect, do.TellHost)]


def test_a_raised_limit_is_used_at_once_and_told_R69():
    scene = Scene(hosts={"a": 1})
    scene.handle(ev.HostLimitAsked("a", 3))
    assert (scene.told, scene.free) == (True, 3)
    scene.handle(ev.HostLimitAsked("a", 3))
    assert not scene.told
    scene.handle(ev.HostLimitAsked("a", 0))
    assert scene.free == 1


def test_a_lowered_limit_ends_nothing_and_lets_nothing_in_R57():
    scene = Scene(hosts={"a": 3})
    scene.place(2)
    scene.handle(ev.HostLimitAsked("a", 1))
    assert orders(scene) == []
    assert scene.place(1) == [Reason.NO_PLACE]
    scene.handle(ev.ReservationReleased(("s0",)))
    scene.handle(ev.SessionGone("a", 1, "s0"))
    assert scene.place(1) == [Reason.NO_PLACE]


def test_f20_a_drained_host_takes_no_more_and_its_sessions_end_with_what_they_have():
    scene = Scene(hosts={"a": 3})
    scene.place(1)
    scene.start("s0")
    scene.handle(ev.HostDrainAsked("a"))
    assert orders(scene) == [do.Drain("s0")]
    assert scene.place(1) == [DRAINING]
    assert (scene.closed("a"), scene.host("a").draining) == (DRAINING, True)
    with pytest.raises(SessionUnknown):
        scene.handle(ev.FeedAsked("s0", "food", frozenset({"x"})))


def test_a_place_held_on_a_drained_host_is_kept_and_its_session_drained_when_it_begins():
    scene = Scene(hosts={"a": 3})
    scene.place(1)
    scene.handle(ev.HostDrainAsked("a"))
    scene.start("s0")
    assert orders(scene) == [do.Start("work"), do.Drain("s0")]


def test_a_host_that_is_back_from_draining_is_told_of_R68():
    scene = Scene(hosts={"a": 3})
    scene.handle(ev.HostDrainAsked("a"))
    assert not scene.told
    scene.handle(ev.HostResumeAsked("a"))
    assert (scene.told, scene.free) == (True, 3)


def test_resuming_a_host_ends_its_quarantine_too():
    scene = Scene(hosts={"a": 8})
    scene.broken.add("a")
    scene.place(3)
    assert scene.closed("a") is Reason.QUARANTINED
    scene.handle(ev.HostResumeAsked("a"))
    assert (scene.told, scene.closed("a")) == (True, None)


def test_what_an_operator_set_is_kept_and_said_twice_it_is_kept_again():
    scene = Scene(hosts={"a": 3})
    for _ in range(2):
        assert do.KeepHostSettings(HostSettings("a", 2)) in scene.handle(ev.HostLimitAsked("a", 2))
    drained = HostSettings("a", 2, draining=True)
    assert do.KeepHostSettings(drained) in scene.handle(ev.HostDrainAsked("a"))


def test_of_a_host_that_never_attached_nothing_is_set():
    scene = Scene()
    for event in (ev.HostLimitAsked("a", 1), ev.HostDrainAsked("a"), ev.HostResumeAsked("a")):
        with pytest.raises(HostUnknown):
            scene.handle(event)


def test_what_was_kept_holds_for_a_host_that_attaches_later():
    scene = Scene(settings=[HostSettings("a", 2), HostSettings("b", draining=True)])
    scene.attach("a", 5)
    scene.attach("b", 5)
    assert scene.free == 2
    scene.handle(ev.HostResumeAsked("b"))
    assert scene.free == 7


def states(scene: Scene) -> dict[str, HostState]:
    return {host.capacity.host_name: host.state for host in scene.core.hosts(scene.now)}


def test_every_host_is_listed_and_how_it_stands():
    scene = Scene(hosts={"a": 3, "b": 3}, settings=[HostSettings("c", 2), HostSettings("d")])
    assert states(scene) == {
        "a": HostState.ATTACHED, "b": HostState.ATTACHED, "c": HostState.AWAY,
    }  # fmt: skip
    scene.place(1)
    scene.handle(ev.HostLeft("a", 1))
    scene.handle(ev.HostDetached("b", 1))
    assert (states(scene)["a"], states(scene)["b"]) == (HostState.LEAVING, HostState.SILENT)
    [known] = [h for h in scene.core.hosts(scene.now) if h.capacity.host_name == "c"]
    assert (known.limit, known.offered, known.capacity.free) == (2, 0, 0)


def test_the_sessions_of_a_host_are_listed_by_how_far_they_are():
    scene = Scene(hosts={"a": 3})
    scene.place(2)
    scene.now += 5
    scene.start("s0")
    scene.now += 1
    told = [(s.session_id, s.data_manager_id, s.stage, s.seconds)
            for s in scene.core.sessions_on("a", scene.now)]  # fmt: skip
    assert told == [("s0", "dm", "RUNNING", 1.0), ("s1", "dm", "HELD", 6.0)]


def test_f20_a_host_that_is_there_is_not_removed():
    scene = Scene(hosts={"a": 3})
    for event in (ev.HostDrainAsked("a"), ev.HostDetached("a", 1)):
        scene.handle(event)
        with pytest.raises(HostPresent):
            scene.handle(ev.HostRemovalAsked("a"))
    assert scene.host("a").draining


def test_f20_a_lost_host_is_removed_with_its_places_and_with_what_was_set():
    scene = Scene(hosts={"a": 3}, times=Times(lease_seconds=15))
    scene.place(2)
    scene.start("s0")
    scene.handle(ev.HostLimitAsked("a", 2))
    scene.wait(15)
    assert states(scene) == {"a": HostState.LOST}
    assert scene.core.sessions_on("a", scene.now), "until somebody knows that they are gone"
    assert scene.handle(ev.HostRemovalAsked("a")) == [do.ForgetHostSettings("a")]
    assert (states(scene), scene.core.sessions_on("a", scene.now)) == ({}, ())
    scene.attach("a", 5)
    assert scene.free == 5, "as a host that was never here"


def test_f20_what_was_set_for_a_host_that_is_away_is_forgotten_with_it():
    scene = Scene(settings=[HostSettings("a", 1, draining=True)])
    scene.handle(ev.HostRemovalAsked("a"))
    assert states(scene) == {}
    with pytest.raises(HostUnknown):
        scene.handle(ev.HostRemovalAsked("a"))


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
