"""What every fault leads to: duplicates, old attempts, failures, losses, restarts, cancels."""

import pytest

from data_manager.core import events
from data_manager.core.effects import AskCapacity, CancelSession, Initiate, Release
from data_manager.core.model import (
    Counts,
    Failure,
    RunKind,
    RunState,
    SliceState,
    UnreadFile,
    UnreadReason,
)
from data_manager.core.slices import FAILURES_MAX, STOP_SECONDS


def test_a_result_that_comes_twice_counts_once(talk):
    talk.crawled("b", 2, streams=1)
    [session] = talk.capacity(1)
    talk.grant([session])
    end = events.SliceEnded(session.session_id, "b:1", 1, counts=Counts(files=3))
    talk.tell(end)
    talk.tell(end)
    assert talk.disk.runs["b"].counts.files == 3


def test_cuts_that_come_twice_count_once(talk):
    talk.begin("b")
    [crawl] = talk.capacity(1)
    talk.grant([crawl])
    talk.cut("b", 3, end=False)
    span = talk.slice("b:1").span
    again = (events.Cut(span, 10, 1),)
    talk.tell(events.CutsMade(crawl.session_id, "b:0", 1, 0, again, b""))
    assert talk.disk.runs["b"].bodies == 3
    assert talk.slice("b:0").state is SliceState.RUNNING


def test_a_reservation_is_answered_once(talk):
    talk.crawled("b", 8, streams=1)
    [session] = talk.capacity(1)
    talk.grant([session])
    talk.answer([session], [])
    talk.tell(events.ReservationUnanswered((session.session_id,)))
    assert talk.slice("b:1").state is SliceState.RUNNING
    assert talk.grant([session]) == []


def test_a_result_of_an_old_attempt_changes_nothing(talk):
    talk.crawled("b", 1, streams=1)
    [old] = talk.capacity(1)
    talk.grant([old])
    talk.ended(old.session_id, Failure.SESSION_LOST)
    talk.pass_time(1.0)
    [new] = talk.capacity(1)
    talk.grant([new])
    before = talk.slice("b:1")
    talk.tell(events.SliceEnded(old.session_id, "b:1", 1, result_id=b"old"))
    assert talk.slice("b:1") == before
    talk.done("b:1", result_id=b"new")
    assert talk.slice("b:1").result_id == b"new"


def test_what_passes_is_tried_again_and_given_up_in_the_end(talk):
    talk.crawled("b", 2, streams=1, slices_per_session=1)
    for _ in range(FAILURES_MAX):
        sessions = []
        while not sessions or "b:1" not in sessions[0].slice_ids:
            for session in sessions:
                talk.work(session)
            talk.pass_time(60.0)
            sessions = talk.capacity(1)
            talk.grant(sessions)
        talk.failed("b:1", Failure.TRANSIENT)
        talk.ended(sessions[0].session_id)
    assert talk.slice("b:1").state is SliceState.FAILED
    talk.finish(1)
    assert talk.state("b") is RunState.PARTIAL
    [unread] = talk.disk.unread.values()
    assert unread.reason is UnreadReason.SLICE_FAILED
    assert "000001" in unread.detail


def test_the_seal_names_failed_slices_again_and_they_count_once(talk):
    talk.crawled("b", 1, streams=1)
    for _ in range(FAILURES_MAX):
        talk.pass_time(60.0)
        [session] = talk.capacity(1)
        talk.grant([session])
        talk.failed("b:1", Failure.TRANSIENT)
        talk.ended(session.session_id)
    talk.pass_time(5.0)
    [seal] = talk.capacity(1)
    talk.grant([seal])
    files = (
        UnreadFile(b"x", UnreadReason.SLICE_FAILED, "named by the seal"),
        UnreadFile(b"y", UnreadReason.CHANGED, "torn"),
    )
    talk.done("b:close", unread_files=files, unread_count=2)
    talk.ended(seal.session_id)
    assert talk.disk.runs["b"].unread_count == 2
    assert [file.path for file in talk.disk.unread.values()] == [b"", b"y"]


@pytest.mark.parametrize("failure", [Failure.WRONG_PASSWORD, Failure.STORAGE_FULL])
def test_what_does_not_pass_fails_the_run_when_its_sessions_are_over(talk, failure):
    talk.crawled("b", 16, streams=2)
    first, second = talk.capacity(2)
    talk.grant([first, second])
    asked = talk.failed("b:1", failure, "in one line")
    assert CancelSession(second.session_id) in asked
    assert talk.state("b") is RunState.RUNNING
    talk.ended(first.session_id)
    talk.ended(second.session_id, Failure.CANCELLED)
    run = talk.disk.runs["b"]
    assert (run.state, run.failure, run.message) == (RunState.FAILED, failure, "in one line")


def test_a_crawl_that_fails_for_good_fails_the_run(talk):
    talk.begin("b")
    for _ in range(FAILURES_MAX):
        talk.pass_time(60.0)
        [crawl] = talk.capacity(1)
        talk.grant([crawl])
        talk.failed("b:0", Failure.REPOSITORY_LOCKED, "it is locked")
        talk.ended(crawl.session_id)
    assert talk.state("b") is RunState.FAILED
    assert talk.disk.runs["b"].message == "it is locked"


def test_a_crawl_that_dies_goes_on_after_its_last_cut(talk):
    talk.begin("b", streams=1)
    [crawl] = talk.capacity(1)
    talk.grant([crawl])
    talk.cut("b", 3, end=False)
    talk.ended(crawl.session_id, Failure.SESSION_LOST)
    run = talk.disk.runs["b"]
    assert run.cut_through == talk.slice("b:3").span.stop
    assert run.batches == 0
    talk.pass_time(5.0)
    [again] = talk.capacity(1)
    talk.grant([again])
    assert talk.numbers(again) == [1, 2, 3], "the crawl went to the end, and is alone"
    talk.work(again)
    [crawl] = talk.capacity(1)
    talk.grant([crawl])
    talk.cut("b", 1)
    assert talk.disk.runs["b"].bodies == 4


def test_a_crawl_that_dies_after_its_last_cut_is_done(talk):
    talk.begin("b", streams=1)
    [crawl] = talk.capacity(1)
    talk.grant([crawl])
    talk.cut("b", 3)
    talk.ended(crawl.session_id, Failure.SESSION_LOST)
    assert talk.slice("b:0").state is SliceState.DONE
    assert talk.disk.runs["b"].crawled


def test_of_a_lost_session_only_the_slice_it_worked_on_counts_a_failure(talk):
    talk.crawled("b", 3, streams=1)
    [session] = talk.capacity(1)
    talk.grant([session])
    talk.ended(session.session_id, Failure.SESSION_LOST)
    assert [talk.slice(f"b:{n}").failures for n in (1, 2, 3)] == [1, 0, 0]
    assert talk.queue("b") == [2, 3, 1]


def test_a_session_stopped_by_others_costs_no_try(talk):
    talk.crawled("b", 1, streams=1)
    for _ in range(2 * FAILURES_MAX):
        talk.pass_time(5.0)
        [session] = talk.capacity(1)
        talk.grant([session])
        talk.failed("b:1", Failure.CANCELLED)
        talk.ended(session.session_id)
    assert talk.slice("b:1").failures == 0


def test_a_lapsed_reservation_puts_its_slices_at_the_end(talk):
    talk.crawled("b", 16, streams=1)
    [session] = talk.capacity(1)
    talk.grant([session])
    talk.tell(events.ReservationLapsed(session.session_id))
    assert talk.queue("b") == [*range(9, 17), *range(1, 9)]
    assert talk.slice("b:1").failures == 0
    assert talk.disk.sessions == {}


def test_an_unanswered_reservation_is_released_and_asked_for_anew(talk):
    talk.crawled("b", 8, streams=1)
    [session] = talk.capacity(1)
    asked = talk.tell(events.ReservationUnanswered((session.session_id,)))
    assert Release((session.session_id,)) in asked
    talk.pass_time(1.0)
    [again] = talk.capacity(1)
    assert again.session_id != session.session_id
    assert again.slice_ids == session.slice_ids


def test_an_unanswered_initiation_is_made_sure_of_at_the_next_tick(talk):
    talk.crawled("b", 8, streams=1)
    [session] = talk.capacity(1)
    talk.grant([session])
    talk.tell(events.InitiationUnanswered(session.session_id))
    [again] = [effect for effect in talk.pass_time(5.0) if isinstance(effect, Initiate)]
    assert again.session.session_id == session.session_id
    assert not [effect for effect in talk.pass_time(5.0) if isinstance(effect, Initiate)]


def test_a_session_that_is_over_before_its_initiation_is_answered_is_over(talk):
    talk.crawled("b", 1, streams=1)
    [session] = talk.capacity(1)
    talk.grant([session])
    talk.work(session)
    talk.tell(events.Initiated(session.session_id))
    talk.tell(events.ReservationLapsed(session.session_id))
    assert talk.slice("b:1").state is SliceState.DONE


def test_work_that_is_refused_fails_in_the_end(talk):
    talk.begin("v", kind=RunKind.VERIFY)
    for _ in range(FAILURES_MAX):
        talk.pass_time(60.0)
        [session] = talk.capacity(1)
        talk.grant([session])
        talk.tell(events.InitiationRefused(session.session_id, "too large"))
    assert talk.state("v") is RunState.FAILED


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


def test_the_seal_names_all_records_in_walk_order(talk):
    talk.crawled("b", 12, streams=2)
    sessions = talk.capacity(2)
    talk.grant(sessions)
    for session in reversed(sessions):
        talk.work(session)
    [initiate] = [effect for effect in talk.grant(talk.capacity(1)) if isinstance(effect, Initiate)]
    assert [slice_.number for slice_ in initiate.records] == list(range(1, 13))
    assert all(slice_.result_id for slice_ in initiate.records)


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


def test_if_no_notice_ever_comes_the_tick_asks_again(talk):
    talk.crawled("b", 8, streams=1)
    for _ in range(20):
        talk.tell(events.CapacityUnanswered())
        talk.pass_time(0.0)
    assert talk.orchestrator.wake_time() <= talk.now + 5.0
    assert AskCapacity() in talk.pass_time(5.0)


def test_a_run_with_nothing_in_it_is_sealed(talk):
    talk.begin("b", streams=1)
    [crawl] = talk.capacity(1)
    talk.grant([crawl])
    talk.done("b:0", result_id=b"")
    talk.ended(crawl.session_id)
    talk.finish(1)
    assert talk.state("b") is RunState.SUCCEEDED


def test_more_slices_than_a_seal_can_name_fail_with_advice(talk):
    talk.begin("b", streams=1)
    [crawl] = talk.capacity(1)
    talk.grant([crawl])
    talk.cut("b", 10_001, end=False)
    talk.ended(crawl.session_id, Failure.CANCELLED)
    assert talk.state("b") is RunState.FAILED
    assert "slice_bytes" in talk.disk.runs["b"].message


def test_progress_adds_to_what_is_committed(talk):
    talk.crawled("b", 2, streams=1)
    [session] = talk.capacity(1)
    talk.grant([session])
    talk.done("b:1", counts=Counts(files=2))
    talk.tell(events.Progressed(session.session_id, "b:2", 1, Counts(files=5)))
    standing = talk.orchestrator.standing("b")
    assert standing.run.counts.files == 7
    assert standing.slices[SliceState.RUNNING] == 1
    assert standing.streams == 1
    talk.tell(events.Progressed(session.session_id, "b:2", 9, Counts(files=50)))
    assert talk.orchestrator.standing("b").run.counts.files == 7


def test_at_most_a_thousand_unread_files_are_listed_and_all_are_counted(talk):
    talk.crawled("b", 2, streams=1)
    [session] = talk.capacity(1)
    talk.grant([session])
    files = tuple(UnreadFile(b"%d" % n, UnreadReason.DENIED, "") for n in range(700))
    talk.done("b:1", unread_files=files, unread_count=5000)
    talk.done("b:2", unread_files=files, unread_count=700)
    assert len(talk.disk.unread) == 1000
    talk.ended(session.session_id)
    talk.finish(1)
    assert talk.disk.runs["b"].unread_count == 5700
    assert talk.state("b") is RunState.PARTIAL


def test_an_idle_data_manager_waits_for_the_tick(talk):
    assert talk.orchestrator.wake_time() == talk.now + 5.0
    assert talk.pass_time(5.0) == []
    assert talk.orchestrator.wake_time() == talk.now + 5.0
