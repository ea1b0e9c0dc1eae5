"""The method per-slice, figures 5.1 to 5.4: one slice a session; each requirement by its number."""

from functools import partial

import pytest

from data_manager.core import events
from data_manager.core.effects import AskCapacity, Drain, Feed, Initiate, Reserve
from data_manager.core.model import Failure, RunState, SliceState
from data_manager.core.options import Method, QueuePolicy

PER_SLICE = {"method": Method.PER_SLICE}


@pytest.fixture
def crawled(talk):
    """Backups by this method whose crawls are over."""
    return partial(talk.crawled, **PER_SLICE)


def test_r53_a_populated_queue_is_selected_by_the_same_policies(conversations):
    talk = conversations(QueuePolicy.MOST_REMAINING)
    for run_id in "ab":
        talk.begin(run_id, streams=9, **PER_SLICE)
    crawls = talk.capacity(2)
    talk.grant(crawls)
    talk.cut("a", 3)
    talk.cut("b", 9)
    for crawl in crawls:
        talk.work(crawl)
    assert [session.run_id for session in talk.capacity(6)] == ["b"] * 6


def test_r53_an_empty_queue_is_not_selected(talk, crawled):
    talk.begin("empty", streams=9, **PER_SLICE)
    [crawl] = talk.capacity(1)
    talk.grant([crawl])
    talk.begin("b", **PER_SLICE)
    assert [session.run_id for session in talk.capacity(5)] == ["b"]


def test_r54_r55_the_parallel_setting_of_each_asset_bounds_its_streams(talk):
    talk.begin("a", streams=2, **PER_SLICE)
    talk.begin("b", streams=5, **PER_SLICE)
    talk.crawl("a b", 20)
    sessions = talk.capacity(40)
    talk.grant(sessions)
    assert sorted(session.run_id for session in sessions) == ["a"] * 2 + ["b"] * 5
    assert talk.capacity(40) == []


def test_r56_each_session_holds_exactly_one_slice(talk, crawled):
    crawled("b", 20, streams=8, slices_per_session=8)
    assert [talk.numbers(session) for session in talk.capacity(8)] == [
        [1], [2], [3], [4], [5], [6], [7], [8],
    ]  # fmt: skip


def test_r57_r58_no_more_is_reserved_than_the_hosts_say_they_take(talk, crawled):
    crawled("b", 100, streams=50)
    assert len(talk.capacity(24)) == 24


def test_r59_worked_example_c(talk, crawled):
    """28 streams over hosts of 24: one reservation of 28, which hosts divide as 24 and 4."""
    crawled("b", 100, streams=28)
    [reserve] = [e for e in talk.tell(events.CapacityReported(48)) if isinstance(e, Reserve)]
    assert len(reserve.sessions) == 28
    talk.grant(list(reserve.sessions))
    assert talk.tally("b")[SliceState.RUNNING] == 28


@pytest.mark.parametrize("granted", [0, 1, 4])
def test_r61_none_some_or_all_are_granted(talk, crawled, granted):
    crawled("b", 9, streams=4)
    sessions = talk.capacity(4)
    asked = talk.answer(sessions, sessions[:granted])
    assert sum(isinstance(effect, Initiate) for effect in asked) == granted


def test_r62_refused_slices_go_back_to_the_end_of_their_queue(talk, crawled):
    crawled("b", 9, streams=4)
    sessions = talk.capacity(4)
    talk.answer(sessions, sessions[2:])
    assert talk.queue("b") == [5, 6, 7, 8, 9, 1, 2]


def test_r63_granted_ones_are_initiated_with_their_slice(talk, crawled):
    crawled("b", 9, streams=2)
    sessions = talk.capacity(2)
    asked = talk.grant(sessions)
    tasks = [effect.tasks for effect in asked if isinstance(effect, Initiate)]
    assert [[task.slice.number for task in each] for each in tasks] == [[1], [2]]


def test_r65_a_slice_that_ends_waits_for_no_sibling(talk, crawled):
    crawled("b", 9, streams=3)
    first, *others = talk.capacity(3)
    talk.grant([first, *others])
    assert talk.work(first) == [AskCapacity()]
    [next_one] = talk.capacity(1)
    assert talk.numbers(next_one) == [4]
    assert [talk.slice(f"b:{n}").state for n in (2, 3)] == [SliceState.RUNNING] * 2


def test_r65_a_stream_that_ends_waits_for_no_reservation_of_its_run(talk, crawled):
    crawled("b", 9, streams=3)
    first, second = talk.capacity(2)
    talk.grant([first, second])
    [slow] = talk.capacity(1)
    talk.pass_time(0.5)
    assert talk.work(first) == [AskCapacity()]
    [next_one] = talk.capacity(1)
    assert talk.numbers(next_one) == [4]
    talk.grant([slow, next_one])
    assert talk.tally("b")[SliceState.RUNNING] == 3


def test_r66_a_completion_leads_to_the_next_round_while_a_queue_is_populated(talk, crawled):
    crawled("b", 2, streams=1)
    for number in (1, 2):
        [session] = talk.capacity(1)
        talk.grant([session])
        assert talk.numbers(session) == [number]
        assert talk.work(session) == [AskCapacity()]
    [seal] = talk.capacity(1)
    talk.grant([seal])
    assert talk.work(seal) == []
    assert talk.state("b") is RunState.SUCCEEDED


def test_r67_the_loop_selects_reserves_puts_back_initiates_until_all_is_done(talk, crawled):
    assets = [f"a{number}" for number in range(5)]
    crawled(" ".join(assets), 16, streams=5)
    for _ in range(200):
        sessions = talk.capacity(5)
        talk.answer(sessions, sessions[:4])
        for session in sessions[:4]:
            talk.work(session)
        talk.pass_time(5.0)
    assert {talk.state(asset) for asset in assets} == {RunState.SUCCEEDED}
    assert all(talk.tally(asset) == {SliceState.DONE: 18} for asset in assets)


def test_r68_r69_new_capacity_is_used_at_once(talk, crawled):
    crawled("b", 100, streams=20)
    talk.grant(talk.capacity(4))
    assert talk.capacity(0) == [], "there is no more, and the run waits"
    assert talk.pass_time(0.0) == []
    assert talk.tell(events.CapacityGrew()) == [AskCapacity()]
    assert len(talk.capacity(16)) == 16


def test_r70_capacity_that_nobody_told_of_is_found_by_the_tick(talk, crawled):
    crawled("b", 100, streams=20)
    talk.capacity(0)
    for _ in range(10):
        if talk.pass_time(5.0):
            talk.capacity(0)
    assert AskCapacity() in talk.pass_time(5.0)
    assert len(talk.capacity(8)) == 8


def test_r72_new_capacity_is_nothing_to_who_has_no_slices_left(talk, crawled):
    crawled("b", 4, streams=20)
    talk.grant(talk.capacity(4))
    assert talk.tell(events.CapacityGrew()) == []


def test_r73_new_capacity_is_nothing_to_who_is_at_the_parallel_setting(talk, crawled):
    crawled("b", 100, streams=4)
    talk.grant(talk.capacity(4))
    assert talk.tell(events.CapacityGrew()) == []


def test_r74_a_session_is_never_given_a_second_slice(talk, crawled):
    """Its container goes with it: it is neither fed nor drained."""
    crawled("b", 30, streams=3)
    asked = []
    for _ in range(10):
        sessions = talk.capacity(3)
        asked += talk.grant(sessions)
        for session in sessions:
            asked += talk.tell(events.Initiated(session.session_id))
            asked += talk.work(session)
    assert not [effect for effect in asked if isinstance(effect, Feed | Drain)]


def test_r75_sessions_of_several_assets_are_in_flight_together(talk, crawled):
    crawled("a b c", 20, streams=3)
    sessions = talk.capacity(6)
    talk.grant(sessions)
    assert sorted(session.run_id for session in sessions) == ["a", "a", "b", "b", "c", "c"]


def test_r95_a_lost_session_costs_one_slice_one_try(talk, crawled):
    crawled("b", 9, streams=2)
    first, second = talk.capacity(2)
    talk.grant([first, second])
    talk.ended(first.session_id, Failure.SESSION_LOST)
    assert talk.slice("b:1").failures == 1
    assert talk.slice("b:2").state is SliceState.RUNNING
    talk.finish(2)
    assert talk.state("b") is RunState.SUCCEEDED
