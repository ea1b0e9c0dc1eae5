"""Places held: how long, how seen, how they end; and orders that come twice."""

import pytest

from placing import Scene
from proxy_manager.core import effects as do
from proxy_manager.core import events as ev
from proxy_manager.core.coordinator import Coordinator
from proxy_manager.core.model import (
    Granted,
    HostedSession,
    Outcome,
    ReservationLapsed,
    SessionLost,
    Times,
)

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


@pytest.mark.parametrize("started", [True, False])
@pytest.mark.parametrize("asked", [ev.DrainAsked, ev.CancelAsked])
def test_f22_what_is_asked_before_a_host_is_back_is_done_when_it_is(asked, started):
    core = Coordinator(0.0, Times())
    core.handle(asked("s1"), 1.0)
    facts = (HostedSession("s1", "dm", started, False),)
    effects = core.handle(ev.HostAttached("a", 1, 4, facts), 2.0)
    told = [effect.order for effect in effects if isinstance(effect, do.TellHost)]
    cancelled = [do.Kill("s1", 10.0)] if started else [do.Kill("s1", 0.0)]
    drained = [do.Drain("s1")] if started else []
    assert told == (drained if asked is ev.DrainAsked else cancelled)


class Twice:
    """A session that one host has while its repeated reservation was placed on another."""

    def __init__(self, started: bool) -> None:
        self.core = Coordinator(0.0, Times())
        self.core.handle(ev.HostAttached("new", 1, 4), 0.0)
        self.reserved = self.core.handle(ev.ReservationAsked("dm", ("s1",)), 0.0)
        facts = (HostedSession("s1", "dm", started, False),)
        self.told = self.core.handle(ev.HostAttached("old", 1, 4, facts), 1.0)

    def orders(self) -> list[tuple[str, do.Order]]:
        return [(e.host_name, e.order) for e in self.told if isinstance(e, do.TellHost)]

    def places(self) -> dict[str, tuple[int, int, int]]:
        hosts = self.core.capacity(1.0).hosts
        return {h.host_name: (h.running, h.held, h.ending) for h in hosts}


def test_f21_of_a_session_on_two_hosts_the_one_that_was_begun_stays_and_both_places_count():
    twice = Twice(started=True)
    assert twice.orders() == [("new", do.Kill("s1", 0.0))]
    assert twice.places() == {"new": (0, 0, 1), "old": (1, 0, 0)}
    twice.core.handle(ev.SessionCreated("new", 1, "s1"), 1.0)
    twice.core.handle(ev.SessionGone("new", 1, "s1"), 1.0)
    assert twice.places() == {"new": (0, 0, 0), "old": (1, 0, 0)}


def test_f21_of_a_session_on_two_hosts_that_was_not_begun_the_one_told_of_later_is_ended():
    twice = Twice(started=False)
    assert twice.orders() == [("old", do.Kill("s1", 0.0))]
    twice.core.handle(ev.SessionCreated("new", 1, "s1"), 1.0)
    assert twice.places() == {"new": (0, 1, 0), "old": (0, 0, 1)}
    twice.core.handle(ev.HostAttached("old", 2, 4), 1.0)
    assert twice.places() == {"new": (0, 1, 0), "old": (0, 0, 0)}


def test_f28_what_a_stray_says_is_acknowledged_unread():
    twice = Twice(started=False)
    outcome = Outcome("s1", 1, "", ends_session=True)
    effects = twice.core.handle(ev.OutcomesRelayed("old", 1, (outcome,)), 1.0)
    assert effects == [do.TellHost("old", 1, do.Acknowledge("s1", 1))]
    assert twice.core.take_outcomes("dm", 10, 1000) == []


@pytest.mark.parametrize("hello_first", [True, False])
def test_f22_a_session_that_its_data_manager_does_not_believe_in_is_ended(hello_first):
    """Its loss was told by the proxy manager before this one; nobody else would end it."""
    core = Coordinator(0.0, Times())
    facts = tuple(HostedSession(name, "dm", True, False) for name in ("lost", "alive"))
    happens = [ev.HostAttached("a", 1, 4, facts), ev.DataManagerAttached("dm", ("alive",))]
    if hello_first:
        happens.reverse()
    effects = [effect for event in happens for effect in core.handle(event, 1.0)]
    told = [effect.order for effect in effects if isinstance(effect, do.TellHost)]
    assert told == [do.Kill("lost", Times().grace_seconds)]
    outcome = Outcome("lost", 1, "", ends_session=True)
    core.handle(ev.OutcomesRelayed("a", 1, (outcome,)), 1.0)
    core.handle(ev.SessionGone("a", 1, "lost"), 1.0)
    (end,) = [outcome for _, outcome in core.take_outcomes("dm", 10, 1000)]
    assert (end.session_id, end.body) == ("lost", SessionLost("its data manager does not name it"))
    (host,) = core.capacity(1.0).hosts
    assert (host.running, host.ending) == (1, 0)


def test_f22_what_was_begun_here_is_not_ended_by_a_hello_that_is_older():
    s = scene(a=1)
    s.place(1)
    s.start("s0")
    s.handle(ev.DataManagerAttached("dm", ()))
    assert (orders(s), s.host("a").running) == ([], 1)
