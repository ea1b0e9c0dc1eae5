"""A verify: cut into slices of packs, without a closing; damage fails it when all is read."""

import pytest

from data_manager.core import events
from data_manager.core.model import (
    Cut,
    Failure,
    RunKind,
    RunState,
    SliceKind,
    SliceState,
    Span,
    UnreadFile,
    UnreadReason,
)

DAMAGED = UnreadFile(b"pack aa", UnreadReason.DAMAGED, "pack aa is not what its name says")


@pytest.fixture
def verify(talk):
    """A verify of four slices, which wait."""
    talk.begin("v", kind=RunKind.VERIFY, streams=2, slices_per_session=1)
    talk.crawl("v", 4)
    return talk


def work_off(talk, damaged=()):
    for number in range(1, 5):
        [session] = talk.capacity(1)
        talk.grant([session])
        unread = (DAMAGED,) if number in damaged else ()
        talk.done(f"v:{number}", unread_files=unread, unread_count=len(unread))
        talk.ended(session.session_id)


def test_its_slices_are_of_packs_and_nothing_closes_it(verify):
    assert {verify.slice(f"v:{number}").kind for number in range(1, 5)} == {SliceKind.VERIFY_PACKS}
    work_off(verify)
    assert verify.state("v") is RunState.SUCCEEDED
    assert "v:close" not in verify.disk.slices


def test_it_goes_on_after_damage_and_then_fails_with_all_there_is(verify):
    work_off(verify, damaged=(1, 3))
    run = verify.disk.runs["v"]
    assert (run.state, run.failure) == (RunState.FAILED, Failure.REPOSITORY_DAMAGED)
    assert run.message == f"the repository is damaged in 2 places, first: {DAMAGED.detail}"
    assert run.unread_count == 2


def test_what_the_opening_finds_missing_is_damage_too(talk):
    talk.begin("v", kind=RunKind.VERIFY)
    [opening] = talk.capacity(1)
    talk.grant([opening])
    talk.done("v:0", unread_files=(DAMAGED,), unread_count=1)
    assert talk.state("v") is RunState.FAILED


def test_it_can_be_cancelled_while_packs_are_read(verify):
    verify.tell(events.CancelAsked("v"))
    verify.pass_time(60.0)
    assert verify.state("v") is RunState.CANCELLED


def test_a_slice_that_fails_for_good_leaves_it_partial_not_damaged(verify):
    for _ in range(100):
        if verify.state("v").terminal:
            break
        verify.pass_time(600.0)
        for session in verify.capacity(1):
            verify.grant([session])
            for slice_id in session.slice_ids:
                if slice_id == "v:2":
                    verify.failed(slice_id, Failure.TRANSIENT)
                else:
                    verify.done(slice_id)
            verify.ended(session.session_id)
    assert verify.state("v") is RunState.PARTIAL
    assert verify.disk.runs["v"].failure is None


def test_an_opening_that_dies_after_its_last_cut_is_done_again_as_it_tells_what_is_missing(talk):
    talk.begin("v", kind=RunKind.VERIFY)
    [opening] = talk.capacity(1)
    talk.grant([opening])
    talk.cut("v", 2)
    talk.ended(opening.session_id, Failure.SESSION_LOST)
    assert talk.slice("v:0").state is SliceState.QUEUED
    talk.pass_time(60.0)
    talk.finish(3)
    assert talk.state("v") is RunState.SUCCEEDED


def test_cuts_of_an_opening_that_a_host_began_anew_are_told_by_their_place(talk):
    """The same attempt, from where the cuts are by then, counting its batches from 0."""
    talk.begin("v", kind=RunKind.VERIFY)
    [opening] = talk.capacity(1)
    talk.grant([opening])
    talk.cut("v", 3, end=False)
    run = talk.disk.runs["v"]
    again = Cut(Span(run.cut_through, None), 10, 1)
    talk.tell(events.CutsMade(opening.session_id, "v:0", 1, 0, (again,), b""))
    assert talk.disk.runs["v"].bodies == 4 and talk.disk.runs["v"].cut_through is None
