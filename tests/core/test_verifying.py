"""A verify: cut into slices of packs, without a closing; damage fails it when all is read."""

import pytest

from data_manager.core import events
from data_manager.core.model import Failure, RunKind, RunState, SliceKind, UnreadFile, UnreadReason

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
