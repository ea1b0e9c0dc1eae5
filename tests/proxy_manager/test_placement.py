"""Which host a session goes to: policies, limits, what is avoided, and at what cost."""

import time
from collections import Counter
from math import inf
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placing import Scene
from proxy_manager.core import events as ev
from proxy_manager.core.model import Reason
from proxy_manager.core.placement import Opening, Openings
from proxy_manager.core.rules import Policy, Rules

PACK = Rules(policy=Policy.PACK)


def test_worked_example_c_pack_gives_28_sessions_on_hosts_of_24_as_24_and_4_R59():
    scene = Scene(PACK, {"host1": 24, "host2": 24})
    assert Counter(scene.place(28)) == {"host1": 24, "host2": 4}


def test_pack_fills_one_host_before_the_next_R60():
    scene = Scene(PACK, {"a": 2, "b": 3, "c": 1})
    assert scene.place(7) == ["a", "a", "b", "b", "b", "c", Reason.NO_PLACE]


def test_spread_takes_the_relatively_emptiest_first_and_then_by_name_R98():
    scene = Scene(hosts={"b": 4, "a": 4, "big": 8})
    placed = scene.place(8)
    assert placed[0] == "a"
    assert Counter(placed) == {"a": 2, "b": 2, "big": 4}


@pytest.mark.parametrize("policy", Policy)
def test_no_host_gets_more_than_its_limit_whatever_the_policy_R57_R58(policy):
    scene = Scene(Rules(policy), {"a": 3, "b": 5})
    assert Counter(scene.place(64)) == {"a": 3, "b": 5, Reason.NO_PLACE: 56}
    assert scene.free == 0


def test_a_place_that_is_free_again_is_taken_again_R57():
    scene = Scene(PACK, {"a": 1, "b": 1})
    scene.place(2)
    scene.start("s0")
    scene.end("a", "s0")
    assert scene.place(2) == ["a", Reason.NO_PLACE]


def test_the_reason_says_whether_there_is_a_host_at_all_R38():
    assert Scene().place(1) == [Reason.NO_HOST]
    assert Scene(hosts={"a": 1}).place(2) == ["a", Reason.NO_PLACE]


def test_a_second_attempt_goes_to_another_host_or_nowhere():
    scene = Scene(hosts={"a": 2, "b": 1})
    assert scene.ask("first") == {"first": "a"}
    assert scene.ask("second", "third", second={"a"}, third={"a"}) == {
        "second": "b",
        "third": Reason.NO_PLACE,
    }
    assert scene.ask("fourth", "fifth", fourth={"b"}) == {"fourth": "a", "fifth": Reason.NO_PLACE}


def test_figure_5_4_who_watches_is_told_of_a_host_that_attaches_R68():
    scene = Scene()
    scene.attach("a", 1)
    assert scene.told
    scene.handle(ev.HostDetached("a", 1))
    assert not scene.told
    scene.attach("a", 1)
    assert scene.told


def test_who_was_told_that_there_is_no_place_is_told_of_one_R70():
    scene = Scene(hosts={"a": 1})
    scene.place(1)
    scene.start("s0")
    assert scene.free == 0
    scene.end("a", "s0")
    assert (scene.told, scene.free) == (True, 1)


def test_a_place_that_a_session_leaves_is_told_once_after_someone_was_declined_R70():
    scene = Scene(hosts={"a": 2})
    scene.place(2)
    scene.start("s0")
    scene.start("s1")
    scene.end("a", "s0")
    assert not scene.told
    scene.place(2)
    scene.end("a", "s1")
    assert scene.told
    assert scene.place(1) == ["a"]
    scene.start("s4")
    scene.end("a", "s4")
    assert not scene.told


@settings(deadline=None)
@given(
    st.sampled_from(Policy),
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 4), st.integers(1, 4)), min_size=1),
)
def test_what_is_noted_of_hosts_in_any_order_is_what_is_chosen_from_R58(policy, noted):
    openings = Openings(policy)
    last: dict[str, Opening] = {}
    for name, used, limit in noted:
        last[name] = Opening(name, used, limit, inf)
        openings.note(last[name])
        assert openings.free == sum(opening.room for opening in last.values())
        sign = 1 if policy is Policy.SPREAD else -1
        open_ones = [opening for opening in last.values() if opening.room]
        best = min(open_ones, key=lambda o: (sign * o.used / o.limit, o.name), default=None)
        assert openings.choose() == (best.name if best else None)


def seconds_of(work) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def test_a_place_on_one_of_1000_hosts_is_found_within_a_millisecond():
    scene = Scene(hosts={f"h{n:04}": 24 for n in range(1000)})
    alone = [seconds_of(lambda: scene.place(1)) for _ in range(100)]
    assert median(alone) < 0.001
    for first in range(0, 5000, 1000):
        asked = ev.ReservationAsked("dm", tuple(f"many{first + n}" for n in range(1000)))
        assert seconds_of(lambda asked=asked: scene.handle(asked)) / 1000 < 0.001
    assert scene.free == 24_000 - 5100
