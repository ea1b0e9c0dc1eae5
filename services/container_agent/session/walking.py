"""Places and spans as they travel, and the walks that they mean."""

import errno
import os
from collections.abc import Iterator
from functools import lru_cache

from container_agent.session.tally import Tally
from container_agent.storage.excludes import CACHE_TAG, Excludes, Tag
from container_agent.storage.walk import Components, Event, Place, Walk
from sluicegate.patterns import Patterns, tag_of
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


class SliceUnread(OSError):
    """Something cannot be read, and the policy is to fail the slice for it."""


def list_error(tally: Tally, path: Components, error: OSError) -> None:
    """Lists an entry that could not be read, by what the system said; or raises SliceUnread or
    SourceLost, as the policy for its class is."""
    reason, kind = outcome_pb2.UNREAD_REASON_IO_ERROR, "io_error"
    if error.errno in VANISHED:
        reason, kind = outcome_pb2.UNREAD_REASON_VANISHED, "vanished"
    elif error.errno in DENIED:
        reason, kind = outcome_pb2.UNREAD_REASON_DENIED, "denied"
    elif error.errno == errno.ENAMETOOLONG:
        kind = "name_too_long"
    detail = error.strerror or str(error)
    answer_unread(tally, kind, path, detail)
    tally.list_unread(b"/".join(path), reason, detail)


def list_changed(tally: Tally, path: Components) -> None:
    """Lists a file that was changed while it was read, or raises as the policy is."""
    detail = "changed while it was read"
    answer_unread(tally, "changed", path, detail)
    tally.list_unread(b"/".join(path), outcome_pb2.UNREAD_REASON_CHANGED, detail)


def answer_unread(tally: Tally, kind: str, path: Components, detail: str) -> None:
    """Raises what the policy has for a class of what cannot be read, if it is not to be listed."""
    if tally.policy is None:
        return
    answer = getattr(tally.policy, kind)
    if answer == slice_pb2.UNREAD_ANSWER_FAIL_SLICE:
        said = f"{detail}; the policy is to fail a slice for that"
        raise SliceUnread(errno.EIO, said, b"/".join(path))
    if answer == slice_pb2.UNREAD_ANSWER_FAIL_BACKUP:
        raise SourceLost(
            f"{printable(b'/'.join(path))} cannot be read ({detail}), and the policy is to fail "
            "the backup for that; give access to it or exclude it, then back up again."
        )


@lru_cache(16)
def excludes_of(told: bytes, source: bytes) -> Excludes:
    """Excludes as they came over the wire, encoded, for a walk of a source."""
    message = slice_pb2.Excludes.FromString(told)
    patterns = [Patterns(message.patterns), Patterns(message.insensitive_patterns, True)]
    tags = [Tag(*tag_of(told)) for told in message.if_present]
    if message.caches:
        tags.append(Tag(*CACHE_TAG))
    return Excludes(
        source.rstrip(b"/"),
        patterns if message.patterns or message.insensitive_patterns else (),
        tags,
        message.one_file_system,
        message.larger_than_bytes,
    )


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

    def __init__(
        self,
        source: bytes,
        start: Place,
        stop: Place | None,
        tally: Tally,
        excludes: slice_pb2.Excludes,
    ) -> None:
        self._source = source
        self._tally = tally
        told = excludes.SerializeToString()
        passed_over = excludes_of(told, source) if told else None
        self._walk = Walk(source, start, stop, self._unread, passed_over)
        self.bounds = self._walk.bounds

    def _unread(self, path: Components, error: OSError) -> None:
        list_error(self._tally, path, error)

    def __iter__(self) -> Iterator[Event]:
        try:
            yield from self._walk
        except SliceUnread:
            raise
        except OSError as error:
            raise lost(self._source, error) from error
