"""Hedging: a slice that takes far longer than the others is started a second time near the end."""

import pytest

from data_manager.core import events
from data_manager.core.effects import AskCapacity, CancelSession, Initiate, Release, Reserve
from data_manager.core.model import Failure, RunState, Session, SliceState

OPTIONS = {"streams": 8, "method": "per_slice"}


@pytest.fixture
def slow(talk):
    """A backup whose last slice has run for a second; the four others took 100 ms each."""
    talk.begin("a", **OPTIONS, hedge=True)
    talk.crawl("a", 5)
    sessions = talk.capacity(8)
    talk.grant(sessions)
    for session in sessions:
        talk.tell(events.Initiated(session.session_id))
    for session in sessions[:4]:
        talk.done(session.slice_ids[0], took_ms=100)
        talk.ended(session.session_id)
    talk.last = sessions[4]
    return talk


def hedge(talk) -> tuple[Session, list]:
    """Lets the time pass until the slice is started a second time, and grants it a place."""
    assert any(isinstance(asked, AskCapacity) for asked in talk.pass_time(0.25))
    [reserve] = talk.tell(events.CapacityReported(3))
    assert isinstance(reserve, Reserve)
    [session] = reserve.sessions
    assert reserve.avoid == {session.session_id: "h1"}
    return session, talk.answer([session], [session], "h2")


def second_result(talk, session: Session, **fields) -> list:
    slice_id = talk.last.slice_ids[0]
    attempt = talk.slice(slice_id).attempt + 1
    return talk.tell(events.SliceEnded(session.session_id, slice_id, attempt, **fields))


def test_it_is_started_after_twice_what_three_quarters_took_and_not_on_the_same_host(slow):
    assert not any(isinstance(asked, AskCapacity) for asked in slow.pass_time(0.1))
    assert slow.orchestrator.wake_time() == pytest.approx(slow.now + 0.1)
    session, asked = hedge(slow)
    [initiate] = [effect for effect in asked if isinstance(effect, Initiate)]
    [task] = initiate.tasks
    assert (task.slice.slice_id, task.slice.session_id) == ("a:5", session.session_id)
    assert task.slice.attempt == slow.slice("a:5").attempt + 1


def test_it_is_off_by_default(talk):
    talk.begin("a", **OPTIONS)
    talk.crawl("a", 5)
    sessions = talk.capacity(8)
    talk.grant(sessions)
    for session in sessions[:4]:
        talk.done(session.slice_ids[0], took_ms=100)
        talk.ended(session.session_id)
    assert not any(isinstance(asked, AskCapacity) for asked in talk.pass_time(60.0))


def test_nothing_is_hedged_while_slices_wait(talk):
    talk.begin("a", **OPTIONS, hedge=True)
    talk.crawl("a", 6)
    sessions = talk.capacity(5)
    talk.grant(sessions)
    for session in sessions[:4]:
        talk.done(session.slice_ids[0], took_ms=100)
    talk.pass_time(10.0)
    [reserve] = [a for a in talk.tell(events.CapacityReported(1)) if isinstance(a, Reserve)]
    [session] = reserve.sessions
    assert session.slice_ids == ("a:6",)


def test_the_first_result_counts_and_the_other_attempt_is_stopped_and_fenced(slow):
    session, _ = hedge(slow)
    asked = second_result(slow, session, result_id=b"2" * 32)
    assert CancelSession(slow.last.session_id) in asked
    assert slow.slice("a:5").state is SliceState.DONE
    assert slow.slice("a:5").result_id == b"2" * 32
    slow.tell(events.SliceEnded(slow.last.session_id, "a:5", 1, result_id=b"1" * 32))
    assert slow.slice("a:5").result_id == b"2" * 32


def test_when_the_first_attempt_is_first_the_second_is_stopped(slow):
    session, _ = hedge(slow)
    asked = slow.done("a:5")
    assert CancelSession(session.session_id) in asked
    before = slow.slice("a:5")
    second_result(slow, session, result_id=b"2" * 32)
    assert slow.slice("a:5") == before


def test_a_second_attempt_without_a_place_yet_is_given_back(slow):
    slow.pass_time(0.25)
    [reserve] = slow.tell(events.CapacityReported(3))
    [session] = reserve.sessions
    assert Release((session.session_id,)) in slow.done("a:5")
    assert session.session_id not in slow.disk.sessions


def test_a_second_attempt_that_fails_changes_nothing(slow):
    session, _ = hedge(slow)
    second_result(slow, session, failure=Failure.TRANSIENT, message="no")
    slow.ended(session.session_id)
    assert slow.slice("a:5").state is SliceState.RUNNING
    assert slow.slice("a:5").session_id == slow.last.session_id
    slow.done("a:5")
    assert slow.state("a") is RunState.SEALING


@pytest.mark.parametrize("lost", [True, False])
def test_when_the_first_attempt_fails_the_second_takes_over(slow, lost: bool):
    session, _ = hedge(slow)
    if lost:
        slow.ended(slow.last.session_id, Failure.SESSION_LOST)
    else:
        slow.failed("a:5", Failure.TRANSIENT)
    assert slow.slice("a:5").session_id == session.session_id
    assert slow.slice("a:5").failures == 0
    slow.done("a:5")
    assert slow.slice("a:5").state is SliceState.DONE


def test_it_survives_a_restart(slow):
    session, _ = hedge(slow)
    slow.restart()
    second_result(slow, session, result_id=b"2" * 32)
    assert slow.slice("a:5").state is SliceState.DONE


def test_a_cancelled_backup_stops_both(slow):
    session, _ = hedge(slow)
    asked = slow.tell(events.CancelAsked("a"))
    stopped = {effect.session_id for effect in asked if isinstance(effect, CancelSession)}
    assert stopped == {session.session_id, slow.last.session_id}
    for session_id in stopped:
        slow.ended(session_id)
    assert slow.state("a") is RunState.CANCELLED


def test_a_session_that_nobody_knows_and_that_still_works_is_stopped(talk):
    asked = talk.tell(events.SliceEnded("dm.x.1", "x:1", 1))
    assert asked == [CancelSession("dm.x.1")]


def test_a_restart_does_not_initiate_a_hedge_that_has_nothing_left_to_do(slow):
    session, _ = hedge(slow)
    slow.done("a:5", took_ms=1_500)
    asked = slow.restart()
    assert CancelSession(session.session_id) in asked
    assert session.session_id not in [
        effect.session.session_id for effect in asked if isinstance(effect, Initiate)
    ]
