"""What a slice has done so far, counted as it goes."""

import threading
from dataclasses import dataclass, field

from sluicegate.v1 import outcome_pb2, slice_pb2

UNREAD_LISTED_MAX = 1000


class Stopped(Exception):
    """The session was told to stop."""


@dataclass(slots=True)
class Tally:
    """Counts, named as in the message `Counts`, and the files that could not be read or written;
    and `told`, what a person is told of how far it is, and at the end of what it came to.

    One thread counts; others may look. `stopping` is set from outside; `policy` says what follows
    when something cannot be read, by default that it is listed.
    """

    stopping: threading.Event = field(default_factory=threading.Event)
    policy: slice_pb2.ReadPolicy | None = None
    files: int = 0
    directories: int = 0
    others: int = 0
    seen_bytes: int = 0
    read_bytes: int = 0
    unchanged_files: int = 0
    added_bytes: int = 0
    blobs: int = 0
    unread: list[tuple[bytes, outcome_pb2.UnreadReason.ValueType, str]] = field(
        default_factory=list
    )
    unread_count: int = 0
    told: str = ""

    def check(self) -> None:
        """Raises `Stopped` when the session was told to stop."""
        if self.stopping.is_set():
            raise Stopped("The session was told to stop.")

    def list_unread(
        self, path: bytes, reason: outcome_pb2.UnreadReason.ValueType, detail: str
    ) -> None:
        """Lists a file that is not, or not wholly, done. All are counted, the first 1,000 named."""
        self.unread_count += 1
        if len(self.unread) < UNREAD_LISTED_MAX:
            self.unread.append((path, reason, detail))
