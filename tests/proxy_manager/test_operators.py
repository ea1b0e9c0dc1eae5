"""What operators set for a host: limits and draining."""

import pytest

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
