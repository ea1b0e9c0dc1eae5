"""Sessions that are fed: how long they are kept, whom they give way to, and what every fault
leads to."""

from functools import partial

import pytest

from core.fed import FED, crawl, drained, fed, holds, run
from data_manager.core import events
from data_manager.core.effects import CancelSession
from data_manager.core.feeding import LINGER_SECONDS
from data_manager.core.model import Failure, RunState, SliceState
from data_manager.core.options import Method


@pytest.fixture
def crawled(talk):
    """Backups by this method whose crawls are over, and whose slices take long."""
    return partial(crawl, talk)


def test_r91_nor_from_one_of_another_method(talk, crawled):
    crawled("a", 1, streams=1)
    run(talk, 1)
    talk.begin("b", streams=1, method=Method.BATCH)
    assert ("b", 0) not in fed(talk.done("a:1"))


def test_an_idle_session_is_kept_while_slices_may_come(talk):
    talk.begin("b", streams=2, **FED)
    run(talk, 1)
    talk.cut("b", 1, end=False)
    (copying,), _ = run(talk, 1)
    assert drained(talk.done("b:1")) == []
    assert fed(talk.cut("b", 1, end=False)) == [("b", 2)]
    assert holds(talk, copying) == ["b:2"]


def test_an_idle_session_is_not_kept_for_ever(talk):
    talk.begin("b", streams=2, **FED)
    run(talk, 1)
    talk.cut("b", 1, end=False)
    (copying,), _ = run(talk, 1)
    talk.done("b:1")
    assert drained(talk.pass_time(LINGER_SECONDS - 1)) == []
    assert talk.orchestrator.wake_time() <= talk.now + 1
    assert drained(talk.pass_time(1.0)) == [copying.session_id]


def test_an_idle_session_gives_its_place_to_a_run_that_it_cannot_serve(talk):
    talk.begin("a", streams=2, **FED)
    run(talk, 1)
    talk.cut("a", 1, end=False)
    (idle,), _ = run(talk, 1)
    talk.done("a:1")
    talk.begin("b", repository="/other", **FED)
    assert drained(talk.tell(events.CapacityReported(0))) == [idle.session_id]


def test_no_run_waits_until_the_queues_of_others_are_empty(talk, crawled):
    """Sessions that cannot serve it give way when it is its turn, and only as many as are due."""
    crawled("a", 100, streams=4)
    sessions, _ = run(talk, 4)
    talk.begin("b", streams=1, repository="/other", **FED)
    assert drained(talk.tell(events.CapacityReported(0))) == []
    asked = talk.done("a:1")
    assert (fed(asked), drained(asked)) == ([], [sessions[0].session_id])
    assert fed(talk.done("a:2")) == [("a", 5)], "one is on its way"
    talk.ended(sessions[0].session_id)
    assert [session.run_id for session in talk.capacity(1)] == ["b"]


def test_nor_is_anything_held_ahead_where_a_place_is_due_to_another(talk, crawled):
    crawled("a", 100, seconds=1.0, streams=1)
    (session,), _ = run(talk, 1)
    talk.begin("b", method=Method.PER_SLICE)
    talk.tell(events.CapacityReported(0))
    assert holds(talk, session) == ["a:1", "a:2"]
    talk.now += 1.0
    assert fed(talk.done("a:1")) == []
    assert fed(talk.done("a:2")) == [("a", 3)], "neither has a stream now, and a waits longer"
    assert drained(talk.done("a:3")) == [session.session_id]


def test_what_was_fed_unheard_is_fed_again_and_initiated_again(talk, crawled):
    crawled("b", 9, streams=1)
    (session,), _ = run(talk, 1)
    talk.done("b:1")
    talk.tell(events.FeedUnanswered((session.session_id,)))
    asked = talk.pass_time(5.0)
    assert fed(asked) == [("b", 2)]
    assert talk.slice("b:2").attempt == 1, "the same again"
    assert talk.pass_time(5.0) == []


def test_a_drain_that_was_not_heard_is_told_again(talk):
    talk.begin("v", streams=1, **FED)
    (session,), _ = run(talk, 1)
    talk.done("v:0")
    talk.done("v:close")
    talk.tell(events.DrainUnanswered(session.session_id))
    assert drained(talk.pass_time(5.0)) == [session.session_id]


def test_a_lost_session_puts_back_what_it_held_of_any_run(talk, crawled):
    crawled("a b", 9, seconds=1.0, streams=2)
    (session,), _ = run(talk, 1)
    assert [name[0] for name in holds(talk, session)] == ["a", "b"]
    talk.ended(session.session_id, Failure.SESSION_LOST)
    assert talk.slice("a:1").failures == 1, "what it worked on"
    assert talk.slice("b:1").failures == 0, "what waited behind it"
    assert talk.queue("a")[-1] == talk.queue("b")[-1] == 1


def test_a_cancel_gives_back_what_its_sessions_hold_of_others(talk, crawled):
    crawled("a b", 9, seconds=1.0, streams=1)
    (session,), _ = run(talk, 1)
    talk.tell(events.CancelAsked("a"))
    assert fed(talk.done("b:1")) == [], "who was told to stop gets no more"
    talk.ended(session.session_id, Failure.CANCELLED)
    assert talk.state("a") is RunState.CANCELLED
    talk.finish(1)
    assert talk.state("b") is RunState.SUCCEEDED


def test_nor_are_they_lost_with_a_session_that_never_answers(talk, crawled):
    crawled("a b", 9, seconds=1.0, streams=1)
    run(talk, 1)
    talk.tell(events.CancelAsked("a"))
    talk.pass_time(31.0)
    assert talk.state("a") is RunState.CANCELLED
    assert talk.slice("b:1").state is SliceState.QUEUED
    talk.finish(1)
    assert talk.state("b") is RunState.SUCCEEDED


def test_r11_a_restart_goes_on_with_the_sessions_that_are_fed(talk, crawled):
    crawled("b", 9, streams=2)
    sessions, _ = run(talk, 2)
    talk.restart()
    assert fed(talk.done("b:1")) == [("b", 3)]
    assert [holds(talk, session) for session in sessions] == [["b:3"], ["b:2"]]


def test_one_that_begins_after_it_was_told_to_stop_is_given_nothing(talk):
    talk.begin("a", streams=1, **FED)
    [session] = talk.capacity(1)
    talk.grant([session])
    talk.tell(events.CancelAsked("a"))
    talk.begin("b", streams=1, **FED)
    assert fed(talk.tell(events.Initiated(session.session_id))) == []


def test_a_restart_stops_no_session_that_had_nothing_of_a_stopped_run(talk, crawled):
    """Not even one that was made for it, and serves another since."""
    crawled("a", 2, seconds=60.0, streams=1)
    (session,), _ = run(talk, 1)
    asked = talk.begin("b", streams=1, **FED)
    talk.now += 1.0
    asked += talk.done("a:1") + talk.done("a:2")
    assert fed(asked)[-1] == ("b", 0)
    talk.tell(events.CancelAsked("a"))
    asked = talk.restart()
    assert CancelSession(session.session_id) not in asked
    talk.cut("b", 3)
    assert fed(talk.done("b:0"))[0] == ("b", 1)
