"""Places held: how long, how seen, how they end; and orders that come twice."""

import pytest

from placing import Scene
from proxy_manager.core import effects as do
from proxy_manager.core import events as ev
from proxy_manager.core.coordinator import Coordinator
from proxy_manager.core.model import Granted, HostedSession, ReservationLapsed, Times

TIMES = Times(hold_seconds=30, start_seconds=20, lease_seconds=1e9)


def scene(**hosts: int) -> Scene:
    return Scene(hosts=hosts, times=TIMES)


def orders(scene: Scene) -> list[do.Order]:
    return [effect.order for effect in scene.effects if isinstance(effect, do.TellHost)]


def answers(scene: Scene) -> list[do.Effect]:
    return [effect for effect in scene.effects if isinstance(effect, do.AnswerReservation)]


def test_held_places_are_shown_apart_from_running_ones_with_the_age_of_the_oldest_R31():
    s = scene(a=4)
    s.place(1)
    s.now += 7
    s.place(2)
    s.start("s1")
    s.now += 2
    host = s.host("a")
    assert (host.running, host.held, host.ending, host.free) == (1, 2, 0, 1)
    assert host.oldest_hold_seconds == 9.0
    s.start("s0")
    assert s.host("a").oldest_hold_seconds == 2.0


def test_asked_again_under_the_same_name_the_answer_is_the_same_R38():
    s = scene(a=1, b=1)
    s.place(1)
    s.now += 5
    for _ in range(2):
        s.handle(ev.ReservationAsked("dm", ("s0",)))
        assert answers(s) == [do.AnswerReservation("s0", Granted("a", 30.0))]
    assert s.free == 1


def test_f18_a_hold_lapses_at_its_expiry_and_not_before():
    s = scene(a=1)
    s.place(1)
    s.wait(29.9)
    assert s.host("a").held == 1
    s.wait(0.1)
    assert orders(s) == [do.Kill("s0", 0.0)]
    assert (s.host("a").held, s.host("a").ending, s.free) == (0, 1, 0)
    with pytest.raises(ReservationLapsed):
        s.start("s0")
    s.handle(ev.SessionGone("a", 1, "s0"))
    assert s.free == 1


def test_f18_after_its_expiry_it_is_not_initiated_even_if_no_time_passed_since():
    s = scene(a=1)
    s.place(1)
    s.now += 30
    with pytest.raises(ReservationLapsed):
        s.start("s0")


def test_what_is_initiated_does_not_lapse():
    s = scene(a=1)
    s.place(1)
    s.start("s0")
    s.wait(1000)
    assert (orders(s), s.host("a").running) == ([], 1)


def test_f19_what_does_not_answer_in_time_is_declined_once():
    s = scene(a=2)
    s.handle(ev.ReservationAsked("dm", ("x",)))
    s.wait(20)
    assert [a.session_id for a in answers(s)] == ["x"]
    s.wait(20)
    assert answers(s) == []


def test_f22_orders_repeated_after_a_restart_of_the_proxy_manager_are_obeyed_once():
    """It adopts what a host has: to initiate that again is nothing, to feed it is passed on."""
    core = Coordinator(0.0, TIMES)
    core.handle(ev.HostAttached("a", 1, 4, (HostedSession("s1", "dm", True, False),)), 0.0)
    assert core.handle(ev.InitiationAsked("s1", "work"), 1.0) == []
    order = do.TellHost("a", 1, do.Feed("food"))
    assert core.handle(ev.FeedAsked("s1", "food", frozenset({"x"})), 1.0) == [order]


def test_f22_an_adopted_hold_is_initiated_as_if_nothing_had_been():
    core = Coordinator(0.0, TIMES)
    core.handle(ev.HostAttached("a", 1, 4, (HostedSession("s1", "dm", False, False),)), 0.0)
    assert core.handle(ev.InitiationAsked("s1", "work"), 1.0) == [
        do.TellHost("a", 1, do.Start("work"))
    ]


def test_what_was_fed_and_not_done_is_fed_again_when_its_host_attaches_again_R88():
    s = scene(a=1)
    s.place(1)
    s.start("s0")
    for name in ("x", "y"):
        s.handle(ev.FeedAsked("s0", f"food {name}", frozenset({name})))
    s.say("a", "s0", ends_slice="x")
    s.handle(ev.HostAttached("a", 2, 1, (HostedSession("s0", "dm", True, False),)))
    assert orders(s) == [do.Feed("food y")]
