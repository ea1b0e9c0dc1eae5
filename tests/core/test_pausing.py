"""Backup storage that is away or full: runs pause, no try is counted, and they go on (F13, F24)."""

import pytest

from data_manager.core import events
from data_manager.core.breaker import LONGEST_WAIT_SECONDS
from data_manager.core.effects import AskCapacity, Feed
from data_manager.core.explaining import WaitReason
from data_manager.core.model import Failure, RunKind, RunState, SliceState
from data_manager.core.options import Method

AWAY = Failure.STORAGE_AWAY
TOLD = "the store does not answer"


def probe_due(talk) -> float:
    """How long it is until storage is tried again."""
    [breaker] = talk.orchestrator.state.breakers.values()
    return breaker.probe_time - talk.now


def running(talk, run_id: str) -> list[str]:
    return [s.slice_id for s in talk.disk.of(run_id) if s.state is SliceState.RUNNING]


def fail_all(talk, sessions, failure: Failure = AWAY) -> None:
    for session in sessions:
        for slice_id in session.slice_ids:
            talk.failed(slice_id, failure, TOLD)
        talk.ended(session.session_id)


def paused(talk, count: int = 6, **options: object):
    """A backup with two sessions whose slices all failed as storage was away."""
    talk.crawled("b", count, streams=2, slices_per_session=2, **options)
    sessions = talk.capacity(2)
    talk.grant(sessions)
    fail_all(talk, sessions)
    return sessions


@pytest.mark.parametrize("failure", [AWAY, Failure.STORAGE_FULL])
def test_f24_no_try_is_counted_and_the_slices_go_to_the_end(talk, failure):
    talk.crawled("b", 6, streams=2, slices_per_session=2)
    sessions = talk.capacity(2)
    talk.grant(sessions)
    fail_all(talk, sessions, failure)
    assert [s.failures for s in talk.disk.of("b")] == [0] * 7
    assert talk.slice("b:1").attempt == 1
    talk.pass_time(1.0)
    assert talk.queue("b")[:2] == [5, 6]


def test_f24_nothing_is_reserved_while_storage_is_away(talk):
    paused(talk)
    assert talk.capacity(8) == []
    assert talk.tell(events.CapacityGrew()) == []


def test_f24_one_slice_is_tried_after_a_while_and_all_go_on_when_it_is_done(talk):
    paused(talk)
    assert AskCapacity() in talk.pass_time(probe_due(talk))
    [probe] = talk.capacity(8)
    assert len(probe.slice_ids) == 1
    talk.grant([probe])
    assert talk.capacity(8) == []
    assert AskCapacity() in talk.work(probe)
    assert len(talk.capacity(8)) == 2
    talk.restart()
    talk.finish(8)
    assert talk.state("b") is RunState.SUCCEEDED
    assert all(s.failures == 0 for s in talk.disk.of("b"))


def test_f24_the_wait_doubles_up_to_five_minutes(talk):
    paused(talk)
    waits = []
    for _ in range(9):
        waits.append(round(probe_due(talk)))
        talk.pass_time(probe_due(talk))
        [probe] = talk.capacity(8)
        talk.grant([probe])
        fail_all(talk, [probe])
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, LONGEST_WAIT_SECONDS]
    assert all(s.failures == 0 for s in talk.disk.of("b"))


def test_f24_a_probe_that_is_never_heard_of_is_followed_by_another(talk):
    paused(talk)
    talk.pass_time(probe_due(talk))
    [probe] = talk.capacity(8)
    talk.answer([probe], [])
    talk.pass_time(probe_due(talk))
    assert len(talk.capacity(8)) == 1


def test_f24_a_probe_that_fails_of_itself_counts_so_that_no_slice_holds_all_up(talk):
    paused(talk)
    talk.pass_time(probe_due(talk))
    [probe] = talk.capacity(8)
    talk.grant([probe])
    talk.failed(probe.slice_ids[0], Failure.INTERNAL)
    assert talk.slice(probe.slice_ids[0]).failures == 1


def test_f24_what_dies_in_a_pause_costs_no_try(talk):
    talk.crawled("b", 6, streams=2, slices_per_session=2)
    first, second = talk.capacity(2)
    talk.grant([first, second])
    fail_all(talk, [first])
    talk.ended(second.session_id, Failure.SESSION_LOST)
    assert all(s.failures == 0 for s in talk.disk.of("b"))


def test_f24_other_repositories_go_on(talk):
    paused(talk)
    talk.begin("c", repository="/other")
    [session] = talk.capacity(8)
    assert session.run_id == "c"


def test_f13_what_is_full_can_be_restored_from(talk):
    talk.crawled("b", 2, streams=1)
    sessions = talk.capacity(1)
    talk.grant(sessions)
    fail_all(talk, sessions, Failure.STORAGE_FULL)
    talk.begin("r", RunKind.RESTORE)
    [session] = talk.capacity(8)
    assert session.run_id == "r"


def test_f24_sessions_that_are_fed_get_one_slice_and_then_all(talk):
    talk.begin("b", streams=2, method=Method.CONTINUOUS)
    crawls = talk.capacity(2)
    talk.grant(crawls)
    talk.tell(events.Initiated(crawls[0].session_id))
    talk.cut("b", 30)
    talk.done("b:0")
    for slice_id in running(talk, "b"):
        talk.failed(slice_id, AWAY, TOLD)
    assert running(talk, "b") == []
    asked = talk.pass_time(probe_due(talk))
    [fed] = [effect for effect in asked if isinstance(effect, Feed)]
    [task] = fed.tasks
    asked = talk.done(task.slice.slice_id)
    assert len(running(talk, "b")) >= 1
    assert not talk.orchestrator.state.breakers


def test_f13_people_are_told_why_it_pauses_and_when_it_is_tried_again(talk):
    paused(talk)
    standing = talk.orchestrator.standing("b")
    assert (standing.paused, standing.paused_message) == (AWAY, TOLD)
    told = talk.orchestrator.explain("b", None, 0)
    assert told.reasons[0] is WaitReason.STORAGE_AWAY
    assert told.start_seconds == pytest.approx(probe_due(talk))


def test_f13_a_run_that_waited_for_as_long_as_it_may_fails_with_the_reason(talk):
    paused(talk, storage_wait_seconds=60)
    talk.pass_time(59.0)
    assert talk.state("b") is RunState.RUNNING
    talk.pass_time(1.0)
    run = talk.disk.runs["b"]
    assert (run.state, run.failure) == (RunState.FAILED, AWAY)
    assert run.message.startswith(TOLD) and "60 s" in run.message


def test_f13_a_run_that_may_not_wait_fails_at_once(talk):
    paused(talk, storage_wait_seconds=0)
    run = talk.disk.runs["b"]
    assert (run.state, run.failure, run.message) == (RunState.FAILED, AWAY, TOLD)


def test_a_restart_knows_of_no_pause_and_finds_out_anew(talk):
    paused(talk)
    talk.restart()
    assert len(talk.capacity(8)) == 2
