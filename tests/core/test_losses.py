"""A seal that finds gone what slices had stored: they are done again, and another seal comes."""

import pytest

from data_manager.core.effects import QueueAgain
from data_manager.core.model import Counts, Failure, RunState, SliceState, UnreadFile, UnreadReason
from data_manager.core.options import Method

DENIED = UnreadFile(b"d/x", UnreadReason.DENIED, "it is denied")
TOLD = "the tree blob 00 is in no pack"


def sealing(talk, count: int = 4, **options: object):
    """A backup whose seal runs; its session."""
    talk.crawled("b", count, streams=1, slices_per_session=8, **options)
    [copies] = talk.capacity(1)
    talk.grant([copies])
    for slice_id in copies.slice_ids:
        talk.done(slice_id, counts=Counts(files=3, read_bytes=10, added_bytes=5, blobs=2))
    talk.ended(copies.session_id)
    return begin_next(talk)


def begin_next(talk):
    [session] = talk.capacity(1)
    talk.grant([session])
    return session


def lose(talk, session, *numbers: int):
    [name] = session.slice_ids
    asked = talk.done(name, failure=Failure.SLICES_LOST, message=TOLD, result_id=b"", lost=numbers)
    talk.ended(session.session_id)
    return asked


def test_t25_what_is_lost_is_done_again_and_then_sealed(talk):
    lose(talk, sealing(talk), 2, 4)
    assert talk.state("b") is RunState.RUNNING
    assert talk.queue("b") == [2, 4]
    again = begin_next(talk)
    assert again.slice_ids == ("b:2", "b:4")
    assert [talk.slice(name).attempt for name in again.slice_ids] == [2, 2]
    talk.work(again)
    seal = begin_next(talk)
    assert seal.slice_ids == ("b:close2",)
    talk.work(seal)
    assert talk.state("b") is RunState.SUCCEEDED
    assert talk.disk.runs["b"].result_id == talk.slice("b:close2").result_id


def test_t25_what_is_not_lost_stays_done_and_no_try_is_counted(talk):
    session = sealing(talk)
    before = talk.slice("b:1")
    lose(talk, session, 2)
    assert before == talk.slice("b:1") and before.state is SliceState.DONE
    assert talk.slice("b:2").failures == 0


def test_s6_a_result_that_comes_late_from_the_seal_that_was_called_off_changes_nothing(talk):
    session = sealing(talk)
    lose(talk, session, 2)
    assert talk.slice("b:close").state is SliceState.CANCELLED
    talk.done("b:close", result_id=b"z" * 32)
    assert talk.slice("b:close").state is SliceState.CANCELLED
    assert talk.state("b") is RunState.RUNNING


@pytest.mark.parametrize("method", [Method.PER_SLICE, Method.BATCH])
def test_t25_a_restart_goes_on_where_the_seal_was_called_off(talk, method):
    lose(talk, sealing(talk, count=1, method=method), 1)
    talk.restart()
    again = begin_next(talk)
    assert again.slice_ids == ("b:1",)
    talk.work(again)
    talk.restart()
    seal = begin_next(talk)
    assert seal.slice_ids == ("b:close2",)
    lose(talk, seal, 1)
    talk.restart()
    talk.finish(1)
    assert talk.state("b") is RunState.SUCCEEDED
    assert talk.slice("b:close3").state is SliceState.DONE


def test_s7_what_is_done_again_is_counted_once_but_for_the_work(talk):
    lose(talk, sealing(talk), 3)
    again = begin_next(talk)
    talk.done("b:3", counts=Counts(files=3, read_bytes=10, added_bytes=5, blobs=2))
    talk.ended(again.session_id)
    assert talk.disk.runs["b"].counts == Counts(files=12, read_bytes=50, added_bytes=25, blobs=10)


def test_s7_a_file_that_is_unread_again_is_listed_once(talk):
    talk.crawled("b", 1, streams=1)
    copy = begin_next(talk)
    talk.done("b:1", unread_files=(DENIED,), unread_count=1)
    talk.ended(copy.session_id)
    lose(talk, begin_next(talk), 1)
    begin_next(talk)
    talk.done("b:1", unread_files=(DENIED,), unread_count=1)
    assert talk.disk.runs["b"].unread_count == 1
    assert list(talk.disk.unread.values()) == [DENIED]


def test_t25_a_backup_whose_slices_are_taken_again_and_again_fails_and_says_so(talk):
    lose(talk, sealing(talk), 1)
    for _ in range(4):
        talk.work(begin_next(talk))
        lose(talk, begin_next(talk), 1)
    run = talk.disk.runs["b"]
    assert (run.state, run.failure) == (RunState.FAILED, Failure.SLICES_LOST)
    assert "5 times so far" in run.message and TOLD in run.message


def test_f28_a_verdict_over_slices_that_there_are_not_fails_the_backup(talk):
    effects = lose(talk, sealing(talk), 5, 6)
    assert not any(isinstance(effect, QueueAgain) for effect in effects)
    assert talk.state("b") is RunState.FAILED


def test_a_slice_that_was_lost_and_then_fails_for_good_has_no_record(talk):
    lose(talk, sealing(talk), 2)
    for _ in range(5):
        session = begin_next(talk)
        talk.failed("b:2", Failure.TRANSIENT)
        talk.ended(session.session_id)
        talk.pass_time(600.0)
    assert talk.slice("b:2").state is SliceState.FAILED
    assert talk.slice("b:2").result_id == b""
    talk.finish(1)
    assert talk.state("b") is RunState.PARTIAL


def test_t25_a_seal_that_fails_otherwise_is_tried_again_as_it_is(talk):
    session = sealing(talk)
    talk.failed("b:close", Failure.TRANSIENT)
    talk.ended(session.session_id)
    assert talk.slice("b:close").state is SliceState.QUEUED
