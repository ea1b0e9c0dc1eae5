"""The life of a run: what it has in memory, how it closes, what it reports."""

from data_manager.core import events
from data_manager.core.effects import AskCapacity
from data_manager.core.model import (
    Counts,
    Failure,
    RunKind,
    RunState,
    SliceKind,
    SliceState,
    UnreadFile,
    UnreadReason,
)


def test_the_seal_comes_when_every_record_is_committed(talk):
    talk.crawled("b", 12, streams=2)
    sessions = talk.capacity(2)
    talk.grant(sessions)
    for session in reversed(sessions):
        assert "b:close" not in talk.disk.slices
        talk.work(session)
    assert all(talk.slice(f"b:{number}").result_id for number in range(1, 13))
    assert talk.queue("b") == [-1]


def test_what_is_done_leaves_memory(talk):
    talk.crawled("b", 12, streams=2)
    sessions = talk.capacity(2)
    talk.grant(sessions)
    for session in sessions:
        talk.work(session)
    assert set(talk.orchestrator.state.lives["b"].slices) == {"b:0", "b:close"}


def test_a_run_ends_with_its_result_and_does_not_wait_for_its_sessions(talk):
    talk.crawled("b", 1, streams=1)
    [session] = talk.capacity(1)
    talk.grant([session])
    talk.work(session)
    [seal] = talk.capacity(1)
    talk.grant([seal])
    talk.done("b:close")
    assert talk.state("b") is RunState.SUCCEEDED
    assert list(talk.disk.sessions) == [seal.session_id]
    talk.ended(seal.session_id)
    assert talk.disk.sessions == {}


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


def test_an_empty_verify_has_one_slice_and_a_restore_three_kinds(talk):
    talk.begin("v", kind=RunKind.VERIFY)
    talk.finish(1)
    assert talk.state("v") is RunState.SUCCEEDED
    talk.begin("r", kind=RunKind.RESTORE)
    talk.crawl("r", 2)
    talk.finish(2)
    kinds = [talk.slice(name).kind for name in ("r:0", "r:1", "r:2", "r:close")]
    assert kinds == [
        SliceKind.RESTORE_CRAWL, SliceKind.RESTORE, SliceKind.RESTORE, SliceKind.RESTORE_FINISH,
    ]  # fmt: skip
    assert talk.state("r") is RunState.SUCCEEDED
