"""Cancels, and restarts of the data manager."""

from data_manager.core import events
from data_manager.core.effects import CancelSession, Initiate, Release
from data_manager.core.model import (
    Failure,
    RunState,
    SliceState,
)
from data_manager.core.slices import STOP_SECONDS


def test_cancel_stops_sessions_and_ends_when_they_have(talk):
    talk.crawled("b", 16, streams=2)
    sessions = talk.capacity(2)
    talk.grant(sessions)
    asked = talk.tell(events.CancelAsked("b"))
    assert asked == [CancelSession(session.session_id) for session in sessions]
    for session in sessions:
        assert talk.state("b") is RunState.RUNNING
        talk.ended(session.session_id, Failure.CANCELLED)
    assert talk.state("b") is RunState.CANCELLED
    assert talk.tally("b")[SliceState.CANCELLED] == 16
    assert talk.tell(events.CancelAsked("b")) == []


def test_cancel_while_reserving_releases_what_is_granted(talk):
    talk.crawled("b", 16, streams=2)
    sessions = talk.capacity(2)
    asked = talk.tell(events.CancelAsked("b"))
    assert asked == [Release((session.session_id,)) for session in sessions]
    assert talk.state("b") is RunState.CANCELLED
    assert talk.answer(sessions, sessions[:1]) == [Release((sessions[0].session_id,))]


def test_a_cancelled_run_whose_sessions_never_answer_ends_all_the_same(talk):
    talk.crawled("b", 8, streams=1)
    talk.grant(talk.capacity(1))
    talk.tell(events.CancelAsked("b"))
    assert talk.orchestrator.wake_time() <= talk.now + STOP_SECONDS
    assert any(isinstance(effect, CancelSession) for effect in talk.pass_time(5.0))
    talk.pass_time(STOP_SECONDS)
    assert talk.state("b") is RunState.CANCELLED


def test_cancel_after_the_seal_changes_nothing(talk):
    talk.crawled("b", 1, streams=1)
    [session] = talk.capacity(1)
    talk.grant([session])
    talk.work(session)
    [seal] = talk.capacity(1)
    talk.grant([seal])
    talk.done("b:close")
    talk.tell(events.CancelAsked("b"))
    talk.ended(seal.session_id)
    assert talk.state("b") is RunState.SUCCEEDED


def test_a_restart_does_not_start_again_what_has_said_all_it_had(talk):
    """Not even if it is not known yet that it was initiated."""
    talk.crawled("b", 2, streams=1, slices_per_session=1)
    [session] = talk.capacity(1)
    talk.grant([session])
    talk.done("b:1")
    assert not [effect for effect in talk.restart() if isinstance(effect, Initiate)]
    talk.ended(session.session_id)
    talk.finish(1)
    assert talk.state("b") is RunState.SUCCEEDED


def test_a_restart_releases_reservations_and_initiates_what_was_granted(talk):
    talk.crawled("a b", 8, streams=1)
    sessions = talk.capacity(2)
    talk.restart()
    assert talk.disk.sessions == {}
    assert talk.queue("a") == list(range(1, 9))
    sessions = talk.capacity(2)
    talk.grant(sessions)
    asked = talk.restart()
    initiated = [effect.session for effect in asked if isinstance(effect, Initiate)]
    assert [session.slice_ids for session in initiated] == [s.slice_ids for s in sessions]
    for session in sessions:
        talk.tell(events.Initiated(session.session_id))
    asked = talk.restart()
    assert not [effect for effect in asked if isinstance(effect, Initiate)]
    assert talk.orchestrator.sessions_alive() == [s.session_id for s in sessions]
    for session in sessions:
        talk.work(session)
    talk.finish(2)
    assert talk.state("a") is talk.state("b") is RunState.SUCCEEDED


def test_a_restart_goes_on_with_a_cancel(talk):
    talk.crawled("b", 8, streams=1)
    [session] = talk.capacity(1)
    talk.grant([session])
    talk.tell(events.CancelAsked("b"))
    assert CancelSession(session.session_id) in talk.restart()
    talk.ended(session.session_id, Failure.CANCELLED)
    assert talk.state("b") is RunState.CANCELLED
