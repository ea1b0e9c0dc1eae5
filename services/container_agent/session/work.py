"""The work on slices, each by its kind, with the repository that a session opens once."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from google.protobuf.message import Message

from container_agent.repository.errors import RepositoryLocked, StorageFull
from container_agent.repository.locations import store_at
from container_agent.repository.repository import Repository
from container_agent.session.copy import copy
from container_agent.session.crawl import crawl
from container_agent.session.drill import drill
from container_agent.session.failures import failure_of
from container_agent.session.maintain import maintain
from container_agent.session.restic import Restic
from container_agent.session.restore import restore
from container_agent.session.restore_crawl import restore_crawl
from container_agent.session.restore_finish import restore_finish
from container_agent.session.seal import SlicesLost, seal
from container_agent.session.tally import Tally
from container_agent.session.verify import verify
from container_agent.session.verify_packs import PacksToVerify, verify_packs
from sluicegate.rpc.text import one_line
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import maintenance_pb2, outcome_pb2, slice_pb2

# Half a message: the other half is for what may come along.
PART_BYTES = 400 << 10
PART_COUNT = 256
TOLD_LENGTH = 200
# Kinds that read what others have stored after this session opened the repository.
LOOKING_AGAIN = frozenset(("seal", "restore_crawl", "verify"))

# What a slice says before its end.
Reported = outcome_pb2.CutsMade | outcome_pb2.VerdictsMade
T = TypeVar("T", bound=Message)

log = logging.getLogger(__name__)


class OpenedOnce:
    """The repository of a session: opened for its first slice, held by a shared lock to its end, or
    until a slice comes that takes a lock of its own."""

    def __init__(
        self, location: str, password: bytes, master_key: bytes, cache: Path | None
    ) -> None:
        self._location = location
        self._cache = cache
        self._master_key = master_key
        self._password = password
        self._repository: Repository | None = None
        self._failure: Exception | None = None
        self._held = ExitStack()
        self._is_held = False

    def get(self, *, held: bool = True) -> Repository:
        """The open repository. What cannot be opened is not tried again, unless it was locked, or
        storage may be at fault."""
        if self._failure is not None:
            raise self._failure
        try:
            repository = self._repository or self._open()
            if not held:
                self.close()
            elif not self._is_held:
                self._hold(repository)
        except (RepositoryLocked, StorageFull, OSError):
            raise
        except Exception as failure:
            self._failure = failure
            raise
        self._repository = repository
        return repository

    def _open(self) -> Repository:
        return Repository.open(
            store_at(self._location), self._password, self._master_key, self._cache
        )

    def _hold(self, repository: Repository) -> None:
        with ExitStack() as held:
            held.enter_context(repository.shared_lock())
            repository.load_index()
            self._held = held.pop_all()
            self._is_held = True

    def close(self) -> None:
        """Gives the lock back."""
        self._is_held = False
        self._held.close()


class Work:
    """What a session works with. All but `progress` is for one thread."""

    def __init__(
        self,
        location: str,
        password: bytes,
        master_key: bytes,
        tracing: Tracing,
        stopping: threading.Event,
        report: Callable[[Reported], None],
        cache: Path | None = None,
    ) -> None:
        self._opened = OpenedOnce(location, password, master_key, cache)
        self._restic = Restic(location, password)
        self._tracing = tracing
        self._stopping = stopping
        self._report = report
        self._running: tuple[slice_pb2.Slice, Tally] | None = None
        self._packs: PacksToVerify | None = None
        self._slices_done = 0

    def perform(self, slice_: slice_pb2.Slice) -> outcome_pb2.SliceEnd:
        """Does a slice and says how it ended; a failure is an answer too."""
        tally = Tally(stopping=self._stopping)
        end = outcome_pb2.SliceEnd(slice_id=slice_.slice_id, attempt=slice_.attempt)
        kind = slice_.WhichOneof("work") or ""
        attributes: dict[str, str | int] = {"slice_id": slice_.slice_id, "attempt": slice_.attempt}
        span = self._tracing.start(
            f"slice {kind}", parent=slice_.traceparent, attributes=attributes
        )
        self._running = (slice_, tally)
        begun = time.monotonic()
        try:
            tally.check()
            end.result_id = self._dispatch(slice_, kind, tally)
            end.message = one_line(tally.told)
        except Exception as error:
            end.failure, end.message = failure_of(error)
            if isinstance(error, SlicesLost):
                end.lost_slices.extend(error.numbers)
            if end.failure == outcome_pb2.FAILURE_REASON_INTERNAL:
                log.exception("Slice %s failed.", slice_.slice_id)
        finally:
            self._running = None
        end.took_ms = math.ceil((time.monotonic() - begun) * 1000)
        end.counts.CopyFrom(counts_of(tally))
        list_unread(end, tally)
        span.end(end.message)
        return end

    def _dispatch(self, slice_: slice_pb2.Slice, kind: str, tally: Tally) -> bytes:
        repository = self._opened.get(held=kind != "maintain")
        if self._slices_done and kind in LOOKING_AGAIN:
            repository.load_index()
        self._slices_done += 1
        match kind:
            case "crawl":
                return crawl(slice_.crawl, repository, Reporting(slice_, self._report), tally)
            case "copy":
                return copy(slice_.copy, repository, tally)
            case "seal":
                return seal(slice_.seal, repository, tally)
            case "restore_crawl":
                reporting = Reporting(slice_, self._report)
                return restore_crawl(slice_.restore_crawl, repository, reporting, tally)
            case "restore":
                return restore(slice_.restore, repository, tally)
            case "restore_finish":
                return restore_finish(slice_.restore_finish, repository, tally)
            case "verify":
                if slice_.verify.restore_files:
                    return drill(slice_.verify, repository, tally)
                reporting = Reporting(slice_, self._report)
                return verify(slice_.verify, repository, reporting, tally)
            case "verify_packs":
                self._packs = self._packs or PacksToVerify(repository)
                return verify_packs(slice_.verify_packs, repository, self._packs, tally)
            case "maintain":
                judged = Judged(slice_, self._report)
                again = slice_.attempt > 1
                return maintain(
                    slice_.maintain, repository, self._restic, judged, tally, again=again
                )
            case _:
                raise ValueError(f"work of a kind that this version does not know: {slice_}")

    def progress(self) -> outcome_pb2.Progress | None:
        """How far the running slice is; for any thread."""
        if (running := self._running) is None:
            return None
        slice_, tally = running
        return outcome_pb2.Progress(
            slice_id=slice_.slice_id,
            attempt=slice_.attempt,
            counts=counts_of(tally),
            told=one_line(tally.told)[:TOLD_LENGTH],
        )

    def close(self) -> None:
        """Ends the session's hold on the repository."""
        self._opened.close()


class Reporting:
    """Numbers the batches of one attempt and keeps each below a message's size."""

    def __init__(self, slice_: slice_pb2.Slice, report: Callable[[Reported], None]) -> None:
        self._slice = slice_
        self._report = report
        self._batches = 0

    def __call__(self, cuts: Sequence[outcome_pb2.Cut], snapshot_id: bytes) -> None:
        for batch in batches_of(cuts):
            made = outcome_pb2.CutsMade(
                slice_id=self._slice.slice_id,
                attempt=self._slice.attempt,
                batch_number=self._batches,
                cuts=batch,
                snapshot_id=snapshot_id,
            )
            self._batches += 1
            self._report(made)


class Judged:
    """Says verdicts of one attempt, no more at once than a message may hold."""

    def __init__(self, slice_: slice_pb2.Slice, report: Callable[[Reported], None]) -> None:
        self._slice = slice_
        self._report = report

    def __call__(self, verdicts: Iterable[maintenance_pb2.Verdict]) -> None:
        slice_id, attempt = self._slice.slice_id, self._slice.attempt
        for batch in batches_of(verdicts):
            made = outcome_pb2.VerdictsMade(slice_id=slice_id, attempt=attempt, verdicts=batch)
            self._report(made)


def batches_of(messages: Iterable[T]) -> Iterator[list[T]]:
    """The same in the same order, no more at once than a message may hold."""
    batch: list[T] = []
    size = 0
    for message in messages:
        if batch and (len(batch) == PART_COUNT or size + message.ByteSize() > PART_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += message.ByteSize()
    if batch:
        yield batch


def counts_of(tally: Tally) -> outcome_pb2.Counts:
    """A tally as it travels."""
    return outcome_pb2.Counts(
        **{field.name: getattr(tally, field.name) for field in outcome_pb2.Counts.DESCRIPTOR.fields}
    )


def list_unread(end: outcome_pb2.SliceEnd, tally: Tally) -> None:
    """Lists the unread files as far as a message holds them, and says how many there are."""
    end.unread_files_count = tally.unread_count
    size = 0
    for path, reason, detail in tally.unread:
        told = one_line(detail)
        unread = outcome_pb2.UnreadFile(path=path[:4096], reason=reason, detail=told)
        size += unread.ByteSize()
        if size > PART_BYTES:
            break
        end.unread_files.append(unread)
