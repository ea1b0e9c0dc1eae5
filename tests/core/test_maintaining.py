"""A maintenance is one slice in a session of its own; what it judged and came to is kept."""

import pytest

from data_manager.core import events
from data_manager.core.effects import CancelSession, SaveVerdict
from data_manager.core.model import (
    Counts,
    Failure,
    RunKind,
    RunState,
    SliceKind,
    UnreadFile,
    UnreadReason,
)
from data_manager.core.options import Method

VERDICTS = {b"a" * 32: b"kept", b"b" * 32: b"removed"}
DAMAGED = UnreadFile(b"restic", UnreadReason.DAMAGED, "pack aa is gone")


@pytest.fixture
def maintenance(talk):
    """One that runs."""
    talk.begin("m", kind=RunKind.MAINTENANCE, method=Method.PER_SLICE, streams=1)
    [session] = talk.capacity(4)
    assert session.slice_ids == ("m:0",) and not session.fed
    talk.grant([session])
    assert talk.slice("m:0").kind is SliceKind.MAINTAIN
    return talk


def judged(talk, attempt: int) -> list:
    session_id = talk.slice("m:0").session_id or "none"
    event = events.VerdictsMade(session_id, "m:0", attempt, VERDICTS)
    return talk.orchestrator.handle(event, talk.now)


def test_what_it_judged_is_kept_at_once(maintenance):
    saved = [e for e in judged(maintenance, 1) if isinstance(e, SaveVerdict)]
    assert saved == [SaveVerdict("m", *verdict) for verdict in VERDICTS.items()]


def test_what_it_came_to_is_its_last_word(maintenance):
    maintenance.done("m:0", message="3 snapshots removed")
    run = maintenance.disk.runs["m"]
    assert (run.state, run.message) == (RunState.SUCCEEDED, "3 snapshots removed")


def test_f21_what_an_old_attempt_judged_changes_nothing(maintenance):
    assert not any(isinstance(e, SaveVerdict) for e in judged(maintenance, 2))
    maintenance.done("m:0")
    effects = judged(maintenance, 1)
    assert not any(isinstance(e, SaveVerdict) for e in effects)


def test_a_session_that_nobody_knows_and_judges_is_stopped(maintenance):
    event = events.VerdictsMade("unknown", "m:0", 1, VERDICTS)
    assert CancelSession("unknown") in maintenance.tell(event)


def test_one_that_finds_the_repository_locked_is_tried_again(maintenance):
    session_id = maintenance.slice("m:0").session_id
    for _ in range(4):
        maintenance.failed("m:0", Failure.REPOSITORY_LOCKED, "locked by restic")
        maintenance.ended(session_id)
        assert maintenance.state("m") is RunState.RUNNING
        standing = maintenance.orchestrator.standing("m")
        assert standing.run.message == "locked by restic", "who looks is told what it waits for"
        maintenance.pass_time(600.0)
        [session] = maintenance.capacity(1)
        maintenance.grant([session])
        session_id = session.session_id
    maintenance.failed("m:0", Failure.REPOSITORY_LOCKED, "locked by restic")
    maintenance.ended(session_id)
    run = maintenance.disk.runs["m"]
    assert (run.state, run.message) == (RunState.FAILED, "locked by restic")


@pytest.mark.parametrize("failure", [Failure.REFUSED, Failure.NOT_FOUND])
def test_one_that_is_refused_is_not_tried_again(maintenance, failure):
    maintenance.failed("m:0", failure, "no")
    maintenance.ended(maintenance.slice("m:0").session_id or "none")
    maintenance.pass_time(60.0)
    assert maintenance.state("m") is RunState.FAILED


def test_damage_that_it_finds_fails_it_with_all_that_there_is(maintenance):
    maintenance.done("m:0", unread_files=(DAMAGED, DAMAGED), unread_count=2)
    run = maintenance.disk.runs["m"]
    assert (run.state, run.failure) == (RunState.FAILED, Failure.REPOSITORY_DAMAGED)
    assert "2 places, first: pack aa is gone" in run.message


def test_how_far_it_is_is_told_to_who_watches(maintenance):
    session_id = maintenance.slice("m:0").session_id
    maintenance.tell(events.Progressed(session_id, "m:0", 1, Counts(), "12.50% 3 / 24 packs"))
    standing = maintenance.orchestrator.standing("m")
    assert standing.run.message == "12.50% 3 / 24 packs"
    assert maintenance.disk.runs["m"].message == "", "how far it is need not be remembered"
