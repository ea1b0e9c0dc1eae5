"""What became of a slice fits into a message and tells a person what is wrong."""

import errno
import hashlib
import json
import os
import threading
import time
from pathlib import Path

import pytest

from commands import PASSWORD
from container_agent.repository import errors
from container_agent.repository.times import format_time
from container_agent.session.failures import failure_of
from container_agent.session.tally import Stopped, Tally
from container_agent.session.walking import SourceLost
from container_agent.session.work import (
    PART_BYTES,
    PART_COUNT,
    Reporting,
    Work,
    batches_of,
    list_unread,
)
from container_agent.storage.write import TargetUnwritable
from otlp import receiving
from restore.restoring import Forged, plan_for
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import outcome_pb2, slice_pb2


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Stopped("stopped"), "CANCELLED"),
        (SourceLost("gone"), "SOURCE_LOST"),
        (TargetUnwritable("full"), "TARGET_UNWRITABLE"),
        (errors.RepositoryMissing("none"), "REPOSITORY_MISSING"),
        (errors.RepositoryVersion("one"), "REPOSITORY_VERSION"),
        (errors.WrongPassword("wrong"), "WRONG_PASSWORD"),
        (errors.RepositoryLocked("locked"), "REPOSITORY_LOCKED"),
        (errors.StorageFull("full"), "STORAGE_FULL"),
        (errors.SnapshotUnknown("unknown"), "NOT_FOUND"),
        (errors.SnapshotAmbiguous("two"), "NOT_FOUND"),
        (errors.BlobMissing("missing"), "REPOSITORY_DAMAGED"),
        (errors.RepositoryDamaged("damaged"), "REPOSITORY_DAMAGED"),
        (OSError(errno.ENOSPC, "No space left"), "STORAGE_FULL"),
        (OSError(errno.EIO, "Input/output error", "/a"), "TRANSIENT"),
        (KeyError("a\nb"), "INTERNAL"),
    ],
)
def test_every_fault_has_a_class_and_a_line(error, reason):
    found, message = failure_of(error)
    assert outcome_pb2.FailureReason.Name(found) == f"FAILURE_REASON_{reason}"
    assert message and "\n" not in message and len(message) <= 2000


def test_a_message_is_one_line_whatever_name_is_in_it():
    end = outcome_pb2.SliceEnd(slice_id="r:1", attempt=1)
    _, end.message = failure_of(OSError(errno.EIO, "error", os.fsdecode(b"\xff\n\x1b[2J" * 999)))
    assert "\n" not in end.message and "\x1b" not in end.message
    assert end.SerializeToString()


def test_a_list_of_unread_files_fits_and_says_how_many_there_are():
    tally = Tally()
    for number in range(5000):
        path = b"%d/" % number + b"x" * 5000
        tally.list_unread(path, outcome_pb2.UNREAD_REASON_DENIED, "Permission\ndenied " * 99)
    end = outcome_pb2.SliceEnd(slice_id="r:1", attempt=1)
    list_unread(end, tally)
    assert end.unread_files_count == 5000
    assert 50 < len(end.unread_files) <= 1000 and end.ByteSize() < 1 << 19
    assert all(len(f.path) <= 4096 and len(f.detail) <= 1000 for f in end.unread_files)


def test_cuts_are_told_in_batches_that_fit_and_are_numbered():
    position = slice_pb2.Position(path=b"x" * 4000)
    cuts = [outcome_pb2.Cut(span=slice_pb2.Span(start=position), files=n) for n in range(600)]
    assert [cut for batch in batches_of(cuts) for cut in batch] == cuts
    told: list[outcome_pb2.CutsMade] = []
    reporting = Reporting(slice_pb2.Slice(slice_id="r:0", attempt=3), told.append)
    reporting(cuts, b"i" * 32)
    reporting(cuts[:1], b"i" * 32)
    assert [made.batch_number for made in told] == list(range(len(told)))
    assert {(m.slice_id, m.attempt, m.snapshot_id) for m in told} == {("r:0", 3, b"i" * 32)}
    assert all(len(m.cuts) <= PART_COUNT and m.ByteSize() < PART_BYTES + 9000 for m in told)


@pytest.fixture
def forged(tmp_path: Path):
    forged = Forged(tmp_path / "repository")
    yield forged
    forged.close()


def working(location: Path, tracing: Tracing | None = None) -> Work:
    """What a session works with, on a repository there."""
    tracing, stopping = tracing or Tracing(), threading.Event()
    return Work(str(location), PASSWORD.encode(), b"", tracing, stopping, lambda _: None)


VERIFY = slice_pb2.Slice(slice_id="r:0", attempt=1, verify=slice_pb2.VerifyWork())


def test_what_cannot_be_opened_fails_each_slice_and_a_lock_may_be_gone_by_then(forged, tmp_path):
    forged.snapshot(forged.file(b"a"))
    document = {"exclusive": True, "hostname": "elsewhere", "username": "somebody", "pid": 1}
    document["time"] = format_time(time.time_ns())
    sealed = forged.repository._sealer.seal(json.dumps(document).encode())
    lock = tmp_path / "repository" / "locks" / hashlib.sha256(sealed).hexdigest()
    lock.write_bytes(sealed)
    work = working(tmp_path / "repository")
    for _ in range(2):
        end = work.perform(VERIFY)
        assert end.failure == outcome_pb2.FAILURE_REASON_REPOSITORY_LOCKED
        assert "somebody" in end.message
    lock.unlink()
    assert work.perform(VERIFY).message == ""
    work.close()
    assert list(lock.parent.iterdir()) == []


def test_a_session_sees_what_was_stored_after_it_began(forged, tmp_path):
    forged.snapshot(forged.file(b"a"))
    work = working(tmp_path / "repository")
    assert work.perform(VERIFY).message == ""
    forged.snapshot(forged.file(b"b", b"new"))
    finish = slice_pb2.RestoreFinishWork(plan=plan_for(tmp_path / "target"), range_bytes=1 << 20)
    end = work.perform(slice_pb2.Slice(slice_id="r:1", attempt=1, restore_finish=finish))
    assert (end.slice_id, end.attempt, end.message) == ("r:1", 1, "")
    assert end.counts == outcome_pb2.Counts() and end.unread_files_count == 0
    work.close()


def test_a_slice_is_a_span_below_the_run_it_belongs_to(monkeypatch, tmp_path):
    with receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
        tracing = Tracing.from_environment("container-agent")
        run = tracing.start("run")
        slice_ = slice_pb2.Slice(traceparent=run.traceparent)
        slice_.MergeFrom(VERIFY)
        assert working(tmp_path, tracing).perform(slice_).message
        run.end()
        tracing.shut_down()
    spans = {span.name: span for span in receiver.spans}
    assert spans["slice verify"].parent_id == spans["run"].span_id
    assert spans["slice verify"].failed and not spans["run"].failed
