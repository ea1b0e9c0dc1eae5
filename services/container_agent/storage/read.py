"""Reads files that others may change meanwhile, and tells whether they did."""

import errno
import os
import stat
from typing import NamedTuple

# No link is followed and nothing is waited for, whatever was put in the file's place. Opening a
# device can have effects, but a name that was listed as a file is one in all but a race.
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# A file of at most this is read at once and is one blob.
SMALL_BYTES = 512 << 10
# What `st_blocks` counts in.
ALLOCATED_BYTES = 512


class NoFile(OSError):
    """What was listed as a file is none any more."""


class Stamp(NamedTuple):
    """What changes when a file is written to or replaced."""

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp of a file."""
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def is_same(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether two statuses of a file bear the same stamp."""
    return (
        one.st_mtime_ns == other.st_mtime_ns
        and one.st_ctime_ns == other.st_ctime_ns
        and one.st_size == other.st_size
        and one.st_ino == other.st_ino
    )


def open_file(directory: int, name: bytes) -> tuple[int, os.stat_result]:
    """A descriptor of a regular file, and its status. Close it."""
    descriptor = os.open(name, FILE_FLAGS, dir_fd=directory)
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode):
        return descriptor, status
    os.close(descriptor)
    raise NoFile(errno.ENOENT, "is no file any more")


def read_small(descriptor: int, size_bytes: int) -> bytes:
    """A file of `size_bytes`, from its first byte; one byte more when it has grown."""
    data = os.read(descriptor, size_bytes + 1)
    if len(data) >= size_bytes:
        return data
    parts = [data]
    length = len(data)
    while length <= size_bytes and (more := os.read(descriptor, size_bytes + 1 - length)):
        parts.append(more)
        length += len(more)
    return b"".join(parts)


class Holes:
    """The holes of an open file as its file system tells them, each asked for once.

    A file is taken for one without holes when as much is allocated as it is long.
    """

    def __init__(self, descriptor: int, status: os.stat_result) -> None:
        self._descriptor = descriptor
        self._sparse = status.st_blocks * ALLOCATED_BYTES < status.st_size
        # From here to there is the last hole or the last data that was asked for.
        self._start, self._end, self._is_hole = 0, 0, False

    def end(self, offset: int) -> int:
        """Where the hole ends that the offset lies in; the offset itself where there is none."""
        if not self._sparse:
            return offset
        if not self._start <= offset < self._end:
            self._ask(offset)
        return self._end if self._is_hole else offset

    def data_bytes(self, first: int, last: int) -> int:
        """How many bytes from `first` to before `last` lie in no hole."""
        found, at = 0, first
        while at < last:
            after = self.end(at)
            if after == at:
                after = self._end if self._sparse else last
                found += min(after, last) - at
            at = after
        return found

    def _ask(self, offset: int) -> None:
        self._start, self._end, self._is_hole = offset, offset + 1, False
        try:
            data = os.lseek(self._descriptor, offset, os.SEEK_DATA)
            if data == offset:
                self._end = os.lseek(self._descriptor, offset, os.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:
                # A file system that knows no holes has none.
                self._sparse = False
                return
            # Nothing but a hole follows, or nothing at all when it was made shorter.
            data = os.lseek(self._descriptor, 0, os.SEEK_END)
        if data > offset:
            self._end, self._is_hole = data, True
