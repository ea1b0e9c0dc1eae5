"""The figures of a run that a person wants to see while it goes."""

from collections import deque

from msgspec import Struct

from sluicegate.cli.client import Standing
from sluicegate.v1 import data_manager_service_pb2 as pb

RATE_SECONDS = 15.0


class Figures(Struct, frozen=True):
    """A run at an instant. What is not known is None; `paused` says what it waits for, if it
    does, `told` how far it is, where figures do not."""

    seconds: float
    files: int
    done_bytes: int
    total_bytes: int | None
    seen_bytes: int
    added_bytes: int
    bytes_per_second: float
    seconds_left: float | None
    slices_done: int
    slices: int
    streams: int
    sealing: bool
    paused: str = ""
    told: str = ""

    @property
    def share(self) -> float | None:
        """How much is done, from 0 to 1."""
        if self.total_bytes is None:
            return None
        return min(1.0, self.done_bytes / self.total_bytes) if self.total_bytes else 1.0


class Pace:
    """Makes figures of what is seen of a run; the rate is that of the last seconds."""

    def __init__(self) -> None:
        self._begun: float | None = None
        self._seen: deque[tuple[float, int]] = deque()

    def figures(self, standing: Standing, now: float) -> Figures:
        """The figures at `now`, in seconds of a clock that never goes back."""
        status = standing.status
        counts = status.counts
        if self._begun is None:
            self._begun = now
        # A file is seen when it is over, and read while it goes; what has not changed is not read.
        done = max(counts.seen_bytes, counts.read_bytes)
        rate = self._rate(done, now)
        total = status.total_bytes if status.crawled and status.total_bytes else None
        left = (total - done) / rate if total is not None and total >= done and rate > 0 else None
        return Figures(
            seconds=now - self._begun,
            files=counts.files,
            done_bytes=done,
            total_bytes=total,
            seen_bytes=max(status.total_bytes, done),
            added_bytes=counts.added_bytes,
            bytes_per_second=rate,
            seconds_left=left,
            slices_done=status.slices.done,
            slices=slices(status),
            streams=status.streams,
            sealing=status.state == pb.RUN_STATE_SEALING,
            paused=status.paused_message,
            told="" if status.failure else status.message,
        )

    def _rate(self, done: int, now: float) -> float:
        if not done:
            self._seen.clear()  # nobody wants to know how slow it was before it began
        self._seen.append((now, done))
        while self._seen[0][0] < now - RATE_SECONDS:
            self._seen.popleft()
        then, before = self._seen[0]
        return max(0.0, (done - before) / (now - then)) if now > then else 0.0


def slices(status: pb.RunStatus) -> int:
    """How many slices there are so far."""
    counts = status.slices
    return (
        counts.queued
        + counts.reserved
        + counts.running
        + counts.done
        + counts.failed
        + counts.cancelled
    )
