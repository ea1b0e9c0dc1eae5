"""Placement by measured load: thresholds, hysteresis, what does not show yet, a delay instead."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placing import Scene
from proxy_manager.core.load import Load
from proxy_manager.core.model import Reason
from proxy_manager.core.rules import Rules, Threshold

CPU = Rules(cpu=Threshold(high=0.8, low=0.5), rest_seconds=0.0)
OVER, NO_PLACE = Reason.OVER_THRESHOLD, Reason.NO_PLACE


@pytest.mark.parametrize("busy", ["cpu", "memory"])
def test_above_the_high_threshold_of_either_no_session_is_sent_R80_R82(busy):
    rules = Rules(**{busy: Threshold(high=0.8, low=0.5)})
    scene = Scene(rules, {"a": 4})
    scene.loads("a", **{busy: 0.9})
    assert scene.place(1) == [OVER]
    assert (scene.closed("a"), scene.free) == (OVER, 0)


def test_cpu_and_memory_have_each_their_own_thresholds_R81():
    rules = Rules(cpu=Threshold(0.9, 0.5), memory=Threshold(0.6, 0.5))
    scene = Scene(rules, {"a": 4, "b": 4})
    scene.loads("a", cpu=0.7, memory=0.1)
    scene.loads("b", cpu=0.1, memory=0.7)
    assert (scene.closed("a"), scene.closed("b")) == (None, OVER)


def test_between_the_thresholds_a_host_stays_what_it_was_R82():
    scene = Scene(CPU, {"a": 4})
    scene.loads("a", cpu=0.7)
    assert scene.closed("a") is None
    scene.loads("a", cpu=0.9)
    scene.loads("a", cpu=0.7)
    assert scene.closed("a") is OVER
    scene.loads("a", cpu=0.4)
    assert scene.closed("a") is None


def test_who_watches_is_told_when_a_load_fell_below_the_threshold_R69():
    scene = Scene(CPU, {"a": 4})
    scene.loads("a", cpu=1.0)
    told = []
    while scene.closed("a") is OVER:
        scene.now += 2
        scene.load("a", cpu=0.2)
        told.append(scene.told)
    assert told[-1] and not any(told[:-1])


def test_a_short_peak_of_load_closes_no_host_R82():
    scene = Scene(CPU, {"a": 4})
    scene.loads("a", cpu=0.3)
    scene.now += 2
    scene.load("a", cpu=1.0)
    assert scene.closed("a") is None


def test_a_host_below_the_low_threshold_is_preferred_even_when_it_is_fuller_R84():
    scene = Scene(hosts={"a": 4, "b": 4})
    scene.loads("a", cpu=0.75)
    assert scene.place(5) == ["b", "b", "b", "b", "a"]


def test_sessions_just_placed_count_before_their_load_shows_R98():
    rules = Rules(cpu=Threshold(high=0.8, low=0.5), session_cpu=0.1)
    scene = Scene(rules, {"a": 24})
    scene.loads("a", cpu=0.4)
    assert scene.free == 4
    assert Counter(scene.place(24)) == {"a": 4, OVER: 20}


def test_what_is_assumed_of_a_session_fades_as_what_is_measured_catches_up_R98():
    """A session that takes just what is assumed of it changes nothing in their sum."""
    load = Load(Rules(session_cpu=0.1))
    load.measure(0.2, 0.0, 0.0)
    for _ in range(3):
        load.place(0.0)
    for now in range(2, 60, 2):
        load.measure(0.5, 0.0, float(now))
        load.further(float(now))
        assert load.cpu.value + load.fresh * 0.1 == pytest.approx(0.5)
    assert load.fresh < 0.01


def test_sessions_that_load_less_than_assumed_make_room_for_more_R97():
    rules = Rules(cpu=Threshold(high=0.8, low=0.5), session_cpu=0.2)
    scene = Scene(rules, {"a": 24})
    scene.loads("a", cpu=0.1)
    assert Counter(scene.place(24))["a"] == 3
    scene.loads("a", cpu=0.15)
    assert Counter(scene.place(24))["a"] == 3


def test_above_the_threshold_a_delay_sends_one_session_at_a_time_R83():
    rules = Rules(cpu=Threshold(high=0.8, low=0.5), delay_seconds=20.0)
    scene = Scene(rules, {"a": 24})
    scene.loads("a", cpu=0.9, seconds=2)
    assert scene.place(2) == [OVER, OVER]
    scene.wait(19)
    assert scene.free == 0
    scene.wait(1)
    assert (scene.told, scene.free) == (True, 1)
    assert scene.place(2) == ["a", OVER]
    scene.wait(19)
    assert scene.place(1) == [OVER]
    scene.wait(1)
    assert scene.place(1) == ["a"]


def test_f26_a_host_that_was_over_rests_before_it_takes_sessions_again():
    rules = Rules(cpu=Threshold(high=0.8, low=0.5), smoothing_seconds=0.1, rest_seconds=30)
    scene = Scene(rules, {"a": 4})
    scene.loads("a", cpu=0.9, seconds=2)
    scene.loads("a", cpu=0.1, seconds=28)
    assert scene.closed("a") is OVER
    scene.loads("a", cpu=0.1, seconds=2)
    assert scene.closed("a") is None


@settings(deadline=None)
@given(st.lists(st.floats(0.5, 0.8), min_size=1), st.booleans())
def test_hysteresis_does_not_flap_whatever_the_load_does_between_the_thresholds_R82(loads, over):
    load = Load(CPU)
    load.measure(0.9 if over else 0.3, 0.0, 0.0)
    for n, cpu in enumerate(loads):
        load.measure(cpu, 0.0, 2.0 * (n + 1))
        if load.cpu.value >= 0.5:
            assert load.over is over


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 5)), min_size=1))
def test_f26_a_load_that_jumps_closes_a_host_at_most_once_in_its_rest(loads):
    load = Load(Rules(cpu=Threshold(0.8, 0.5), smoothing_seconds=1.0, rest_seconds=30))
    now, was_over, closings = 0.0, False, []
    for cpu, seconds in loads:
        now += seconds
        load.measure(cpu, 0.0, now)
        if load.over and not was_over:
            closings.append(now)
        was_over = load.over
    assert all(later - earlier >= 30 for earlier, later in pairwise(closings))


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1), st.floats(0.1, 0.99))
def test_no_number_of_sessions_takes_a_host_over_by_what_is_assumed_R98(loads, high):
    rules = Rules(cpu=Threshold(high, high / 2), session_cpu=0.05)
    scene = Scene(rules, {"a": 1000})
    for cpu in loads:
        scene.now += 2
        scene.load("a", cpu=cpu)
        value = scene.host("a").cpu
        granted = Counter(scene.place(50))["a"]
        assert granted == 0 or value + granted * 0.05 <= high + 1e-6
