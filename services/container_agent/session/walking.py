"""Places and spans as they travel, and the walks that they mean."""

import errno
import os
from collections.abc import Iterator

from container_agent.session.tally import Tally
from container_agent.storage.walk import Components, Event, Place, Walk
from sluicegate.rpc.text import printable
from sluicegate.v1 import outcome_pb2, slice_pb2

PATH_BYTES_MAX = 4096
VANISHED = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP))
DENIED = frozenset((errno.EACCES, errno.EPERM))


class SourceLost(Exception):
    """The root of what is backed up is gone or cannot be read."""


def components_of(path: bytes) -> Components:
    """The names in a path."""
    stripped = path.strip(b"/")
    return tuple(stripped.split(b"/")) if stripped else ()


def place_of(position: slice_pb2.Position) -> Place:
    """A position as it came over the wire."""
    return Place(components_of(position.path), position.offset_bytes)


def position_of(place: Place) -> slice_pb2.Position:
    """A place as it travels."""
    return slice_pb2.Position(path=b"/".join(place.path), offset_bytes=place.offset)


def stop_of(span: slice_pb2.Span) -> Place | None:
    """Where a span ends; None is the end of the walk."""
    return place_of(span.stop) if span.HasField("stop") else None


def list_error(tally: Tally, path: Components, error: OSError) -> None:
    """Lists an entry that could not be read, by what the system said."""
    reason = outcome_pb2.UNREAD_REASON_IO_ERROR
    if error.errno in VANISHED:
        reason = outcome_pb2.UNREAD_REASON_VANISHED
    elif error.errno in DENIED:
        reason = outcome_pb2.UNREAD_REASON_DENIED
    tally.list_unread(b"/".join(path), reason, error.strerror or str(error))


def list_changed(tally: Tally, path: Components) -> None:
    """Lists a file that was changed while it was read."""
    detail = "changed while it was read"
    tally.list_unread(b"/".join(path), outcome_pb2.UNREAD_REASON_CHANGED, detail)


def lost(source: bytes, error: OSError) -> SourceLost:
    """Says that the root cannot be read, and why."""
    return SourceLost(
        f"{printable(source)} cannot be read ({error.strerror or error}); "
        "mount it or give access to it, then back up again."
    )


def check_root(source: bytes) -> None:
    """Raises SourceLost when the root is not there any more."""
    try:
        os.lstat(source)
    except OSError as error:
        raise lost(source, error) from error


class Walking:
    """A walk of a source whose unreadable directories are listed in the tally."""

    def __init__(self, source: bytes, start: Place, stop: Place | None, tally: Tally) -> None:
        self._source = source
        self._tally = tally
        self._walk = Walk(source, start, stop, self._unread)
        self.bounds = self._walk.bounds

    def _unread(self, path: Components, error: OSError) -> None:
        list_error(self._tally, path, error)

    def __iter__(self) -> Iterator[Event]:
        try:
            yield from self._walk
        except OSError as error:
            raise lost(self._source, error) from error
