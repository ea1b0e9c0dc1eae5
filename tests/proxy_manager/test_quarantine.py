"""Hosts whose sessions fail fast: they do not eat the queue, and one probe lets them back."""

import pytest

from placing import Scene
from proxy_manager.core import events as ev
from proxy_manager.core.model import Reason
from proxy_manager.core.rules import Rules

RULES = Rules(failures=3, quarantine_seconds=5.0, quarantine_seconds_max=30.0, early_seconds=10.0)
QUARANTINED = Reason.QUARANTINED


def broken(limit: int = 8) -> Scene:
    """A host on which three sessions could not be started."""
    scene = Scene(RULES, {"a": limit})
    scene.broken.add("a")
    scene.place(3)
    assert scene.closed("a") is QUARANTINED
    return scene


def probe(scene: Scene) -> str:
    """The name of the one session that is let onto the host."""
    placed = scene.place(3)
    assert placed == ["a", QUARANTINED, QUARANTINED]
    return f"s{scene.asked - 3}"


def test_three_sessions_in_a_row_that_do_not_start_quarantine_their_host():
    scene = broken()
    assert scene.place(1) == [QUARANTINED]
    assert scene.free == 0
    assert scene.host("a").quarantine_seconds == 5.0


def test_a_broken_host_does_not_eat_the_queue_while_another_works():
    scene = Scene(RULES, {"a": 24, "b": 24})
    scene.broken.add("a")
    placed = [scene.place(1)[0] for _ in range(20)]
    assert placed.count("a") == 3


def test_sessions_that_die_within_seconds_count_as_those_that_do_not_start_do():
    scene = Scene(RULES, {"a": 8})
    for name in ("s0", "s1", "s2"):
        scene.place(1)
        scene.start(name)
        scene.now += 9
        scene.end("a", name, lost=True)
    assert scene.closed("a") is QUARANTINED


@pytest.mark.parametrize("how", ["late", "cancelled", "well", "after a slice"])
def test_sessions_that_end_otherwise_do_not_count(how):
    scene = Scene(RULES, {"a": 8})
    for name in ("s0", "s1", "s2", "s3"):
        scene.place(1)
        scene.start(name)
        if how == "late":
            scene.now += 10
        if how == "cancelled":
            scene.handle(ev.CancelAsked(name))
        if how == "after a slice":
            scene.say("a", name, ends_slice="x")
        scene.end("a", name, lost=how != "well")
    assert scene.closed("a") is None


def test_a_success_in_between_begins_the_count_anew():
    scene = Scene(RULES, {"a": 8})
    scene.broken.add("a")
    scene.place(2)
    scene.broken.clear()
    scene.place(1)
    scene.start("s2")
    scene.say("a", "s2", ends_slice="x", fails_slice=True)
    scene.say("a", "s2", ends_slice="y")
    scene.broken.add("a")
    scene.place(2)
    assert scene.closed("a") is None
    scene.place(1)
    assert scene.closed("a") is QUARANTINED


def test_when_quarantine_is_over_who_watches_is_told_and_one_probe_is_let_in():
    scene = broken()
    scene.wait(4.9)
    assert not scene.told
    scene.wait(0.1)
    assert (scene.told, scene.free) == (True, 1)
    scene.broken.clear()
    probe(scene)
    assert scene.free == 0


def test_the_success_of_the_probe_opens_the_host():
    scene = broken()
    scene.wait(5)
    scene.broken.clear()
    name = probe(scene)
    scene.start(name)
    assert scene.closed("a") is QUARANTINED
    scene.say("a", name, ends_slice="x")
    assert (scene.told, scene.closed("a"), scene.free) == (True, None, 7)


def test_each_probe_that_fails_doubles_the_quarantine_up_to_a_bound():
    scene = broken()
    waited = []
    for _ in range(4):
        waited.append(scene.host("a").quarantine_seconds)
        scene.wait(waited[-1])
        probe(scene)
    assert waited == [5, 10, 20, 30]


def test_the_sessions_that_fail_in_one_burst_begin_one_quarantine():
    scene = Scene(RULES, {"a": 24})
    scene.broken.add("a")
    scene.place(24)
    assert scene.host("a").quarantine_seconds == 5.0


def test_a_probe_that_is_given_back_leaves_its_place_to_another():
    scene = broken()
    scene.wait(5)
    scene.broken.clear()
    name = probe(scene)
    scene.handle(ev.ReservationReleased((name,)))
    scene.handle(ev.SessionGone("a", 1, name))
    assert scene.free == 1
    probe(scene)


def test_a_host_keeps_its_quarantine_when_it_attaches_again():
    scene = broken()
    scene.handle(ev.HostAttached("a", 2, 8))
    assert scene.closed("a") is QUARANTINED


def test_a_host_that_does_not_answer_is_silent_not_broken():
    scene = Scene(RULES, {"a": 8})
    scene.handle(ev.ReservationAsked("dm", ("x", "y", "z")))
    scene.handle(ev.HostDetached("a", 1))
    scene.wait(21)
    scene.attach("a", 8)
    assert scene.closed("a") is None


def test_sessions_that_do_not_answer_in_time_on_a_host_that_does_are_failures():
    scene = Scene(RULES, {"a": 8})
    scene.handle(ev.ReservationAsked("dm", ("x", "y", "z")))
    scene.wait(20)
    assert scene.closed("a") is QUARANTINED
