"""What every fault leads to: duplicates, old attempts, failures, losses."""

import pytest

from data_manager.core import events
from data_manager.core.effects import CancelSession, Initiate, Release
from data_manager.core.model import (
    Counts,
    Failure,
    RunKind,
    RunState,
    SliceState,
    UnreadFile,
    UnreadReason,
)
from data_manager.core.slices import FAILURES_MAX


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


@pytest.mark.parametrize("failure", [Failure.WRONG_PASSWORD, Failure.TARGET_UNWRITABLE])
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
