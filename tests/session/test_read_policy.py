"""What follows when something cannot be read: by class, it is listed, or fails slice or backup."""

import errno
import os
from pathlib import Path

import pytest

from backing import copied
from container_agent.repository.repository import Repository
from container_agent.session.failures import failure_of
from container_agent.session.tally import Tally
from container_agent.session.walking import SliceUnread, SourceLost, list_changed, list_error
from container_agent.storage.walk import Walk
from meanwhile import Meanwhile, once
from sluicegate.v1 import outcome_pb2, slice_pb2

CLASSES = {
    "denied": errno.EACCES,
    "vanished": errno.ENOENT,
    "io_error": errno.EIO,
    "name_too_long": errno.ENAMETOOLONG,
}
FAIL_SLICE = slice_pb2.UNREAD_ANSWER_FAIL_SLICE
FAIL_BACKUP = slice_pb2.UNREAD_ANSWER_FAIL_BACKUP
WHOLE = slice_pb2.Span(start=slice_pb2.Position())


def error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize("kind", CLASSES)
def test_a_class_has_its_own_answer(kind: str) -> None:
    policy = slice_pb2.ReadPolicy(**{kind: FAIL_SLICE})
    tally = Tally(policy=policy)
    for other, number in CLASSES.items():
        if other != kind:
            list_error(tally, (b"d", b"x"), error(number))
    assert tally.unread_count == 3
    with pytest.raises(SliceUnread) as told:
        list_error(tally, (b"d", b"x"), error(CLASSES[kind]))
    reason, message = failure_of(told.value)
    assert reason == outcome_pb2.FAILURE_REASON_TRANSIENT
    assert os.strerror(CLASSES[kind]) in message and "d/x" in message
    setattr(policy, kind, FAIL_BACKUP)
    with pytest.raises(
        SourceLost, match=r"d/x cannot be read .* policy is to fail the backup"
    ) as lost:
        list_error(tally, (b"d", b"x"), error(CLASSES[kind]))
    assert failure_of(lost.value)[0] == outcome_pb2.FAILURE_REASON_SOURCE_LOST


def test_what_changes_has_an_answer_too() -> None:
    tally = Tally(policy=slice_pb2.ReadPolicy(changed=FAIL_SLICE))
    with pytest.raises(SliceUnread):
        list_changed(tally, (b"x",))
    tally.policy = slice_pb2.ReadPolicy(changed=slice_pb2.UNREAD_ANSWER_SKIP)
    list_changed(tally, (b"x",))
    assert tally.unread == [(b"x", outcome_pb2.UNREAD_REASON_CHANGED, "changed while it was read")]


@pytest.mark.parametrize("answer", [FAIL_SLICE, FAIL_BACKUP])
def test_a_file_that_vanishes_fails_what_the_policy_says(
    tree: Path, repository: Repository, answer: slice_pb2.UnreadAnswer.ValueType
) -> None:
    tally = Meanwhile(once(2, (tree / "d" / "y").unlink)).tally
    policy = slice_pb2.ReadPolicy(vanished=answer)
    with pytest.raises(SliceUnread if answer == FAIL_SLICE else SourceLost):
        copied(bytes(tree), WHOLE, repository, tally, policy=policy)


def test_a_directory_that_cannot_be_listed_fails_the_slice_and_is_no_lost_source(
    tree: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = Walk._open

    def denied(self, above, directory) -> None:
        if directory.name == b"d":
            raise error(errno.EACCES)
        opening(self, above, directory)

    monkeypatch.setattr(Walk, "_open", denied)
    tally = Tally()
    policy = slice_pb2.ReadPolicy(denied=FAIL_SLICE)
    with pytest.raises(SliceUnread):
        copied(bytes(tree), WHOLE, repository, tally, policy=policy)
    copied(bytes(tree), WHOLE, repository, tally, policy=slice_pb2.ReadPolicy(vanished=FAIL_SLICE))
    assert [path for path, _, _ in tally.unread] == [b"d"]
