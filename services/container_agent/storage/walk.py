"""Walks a live tree by descriptors: depth-first, names in byte order, from one place to another.

What is walked may change meanwhile. The events are well formed all the same: they begin with the
directories above the start, end with those above the stop, and each that is left was entered.
"""

import errno
import os
import stat
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import NamedTuple

from container_agent.storage.beneath import DIRECTORY, open_beneath
from container_agent.storage.excludes import Excludes

Components = tuple[bytes, ...]


class Place(NamedTuple):
    """A place in a walk; places compare as the walk goes. An offset is inside a file."""

    path: Components = ()
    offset: int = 0


# The kinds of events. Each is (kind, directory, name); the name is that of an entry in the
# directory, or empty where the event is about the directory itself.
ALREADY = 0  # The directory was entered before the start.
ENTER = 1
LEAVE = 2
FILE = 3
OTHER = 4
PIECE = 5  # The part of a file that a start or a stop inside it leaves: see `Walk.bounds`.

# How many directories of a deep tree are kept open; the others are opened again on the way back.
OPEN_MAX = 200
CLOSED = -1


class Directory:
    """A directory of a walk. Without a status it was not there when the walk came to it."""

    __slots__ = ("descriptor", "entries", "name", "path", "status")

    def __init__(self, path: Components | None, name: bytes) -> None:
        # None for the directory that holds the root.
        self.path = path
        self.name = name
        self.descriptor = CLOSED
        self.status: os.stat_result | None = None
        self.entries: Iterator[tuple[bytes, int]] = iter(())

    def below(self, name: bytes) -> Components:
        """The path of an entry."""
        return () if self.path is None else (*self.path, name)

    def close(self) -> None:
        """Gives the descriptor back."""
        if self.descriptor != CLOSED:
            os.close(self.descriptor)
            self.descriptor = CLOSED


Event = tuple[int, Directory, bytes]


def kind_of(entry: os.DirEntry[str]) -> int:
    """What an entry is, from its listing; whoever takes its status meets the fault that it has."""
    try:
        if entry.is_file(follow_symlinks=False):
            return FILE
        return ENTER if entry.is_dir(follow_symlinks=False) else OTHER
    except OSError:
        return OTHER


def kind_of_mode(mode: int) -> int:
    """What an entry is, from its mode."""
    if stat.S_ISREG(mode):
        return FILE
    return ENTER if stat.S_ISDIR(mode) else OTHER


def listed(descriptor: int) -> list[tuple[bytes, int]]:
    """The entries of a directory in byte order, each with its kind."""
    encode = os.fsencode
    with os.scandir(descriptor) as entries:
        return sorted([(encode(entry.name), kind_of(entry)) for entry in entries])


class Walk:
    """One walk from `start`, inclusive, to `stop`, exclusive; None is the end.

    What `excludes` passes over is not met. A root that is not there raises OSError; any other
    directory that cannot be read is told to `unread`. Descriptors are valid while the event that
    bears them is looked at.
    """

    def __init__(
        self,
        root: bytes,
        start: Place,
        stop: Place | None,
        unread: Callable[[Components, OSError], None],
        excludes: Excludes | None = None,
    ) -> None:
        self._excludes = excludes
        self._device = 0
        self._start = start
        self._stop = stop
        self._unread = unread
        above, _, name = (root.rstrip(b"/") or b"/.").rpartition(b"/")
        self._root_name = name
        self._above = above or (b"/" if root.startswith(b"/") else b".")
        self._stack: list[Directory] = []

    def bounds(self, path: Components) -> tuple[int, int | None]:
        """The bytes of a file that are in reach: from, and up to or all."""
        first = self._start.offset if path == self._start.path else 0
        inside = self._stop is not None and path == self._stop.path
        return first, self._stop.offset if self._stop is not None and inside else None

    def __iter__(self) -> Iterator[Event]:
        try:
            yield from self._events()
        finally:
            while self._stack:
                self._stack.pop().close()

    def _events(self) -> Iterator[Event]:
        start, stop, stack = self._start, self._stop, self._stack
        self._open_above()
        for directory in self._descend():
            yield ALREADY, directory, b""
        if start.offset:
            yield PIECE, stack[-1], start.path[-1] if start.path else self._root_name
        while True:
            directory = stack[-1]
            for name, kind in directory.entries:
                if kind != ENTER:
                    yield kind, directory, name
                elif (entered := self._enter(directory, name)) is not None:
                    yield ENTER, entered, b""
                    break
            else:
                if directory.path is None or self._holds_stop(directory.path):
                    break
                stack.pop().close()
                yield LEAVE, directory, b""
                self._reopen()
        if stop is not None:
            yield from self._up_to(stop)

    def _open_above(self) -> None:
        above = Directory(None, b"")
        self._stack.append(above)
        above.descriptor = os.open(self._above, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        status = os.stat(self._root_name, dir_fd=above.descriptor, follow_symlinks=False)
        self._device = status.st_dev
        inside = self._stop is not None and self._stop.path == ()
        if self._start == Place() and not inside:
            above.entries = iter([(self._root_name, kind_of_mode(status.st_mode))])

    def _descend(self) -> Iterator[Directory]:
        """Opens the directories above the start, as far as they are there."""
        path = self._start.path
        for depth in range(len(path)):
            name = path[depth - 1] if depth else self._root_name
            directory = Directory(path[:depth], name)
            above = self._stack[-1]
            self._stack.append(directory)
            if above.descriptor != CLOSED:
                try:
                    self._open(above, directory)
                except OSError as error:
                    if depth == 0:
                        raise
                    self._unread(path[:depth], error)
            self._spare_descriptors()
            yield directory

    def _enter(self, above: Directory, name: bytes) -> Directory | None:
        """Opens a directory that was listed. One that cannot be listed is entered empty."""
        path = above.below(name)
        directory = Directory(path, name)
        try:
            self._open(above, directory)
        except OSError as error:
            directory.close()
            if path == ():
                raise
            self._unread(path, error)
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return None
            if directory.status is None and not self._look(above, directory):
                return None
        self._stack.append(directory)
        self._spare_descriptors()
        return directory

    def _look(self, above: Directory, directory: Directory) -> bool:
        """Takes the status of a directory that cannot be opened."""
        try:
            status = os.stat(directory.name, dir_fd=above.descriptor, follow_symlinks=False)
        except OSError:
            return False
        directory.status = status
        return stat.S_ISDIR(status.st_mode)

    def _open(self, above: Directory, directory: Directory) -> None:
        if above.descriptor == CLOSED:
            raise FileNotFoundError(errno.ENOENT, "the directory above it has vanished")
        directory.descriptor = os.open(directory.name, DIRECTORY, dir_fd=above.descriptor)
        directory.status = os.fstat(directory.descriptor)
        path = directory.path
        assert path is not None
        names = listed(directory.descriptor)
        if self._excludes is not None:
            names = self._excludes.kept(path, directory.descriptor, self._device, names)
        directory.entries = iter(self._in_reach(path, names))

    def _in_reach(
        self, path: Components, names: list[tuple[bytes, int]]
    ) -> list[tuple[bytes, int]]:
        """Those entries of a directory that the walk has yet to come to."""
        depth = len(path)
        start, stop = self._start, self._stop
        if depth < len(start.path) and start.path[:depth] == path:
            first = start.path[depth]
            begun = depth + 1 < len(start.path) or start.offset
            names = names[bisect_left(names, (first + b"\0" if begun else first, 0)) :]
        if stop is not None and self._holds_stop(path):
            last = stop.path[depth]
            end = bisect_left(names, (last, 0))
            beyond = names[end : end + 1]
            names = names[:end]
            if depth + 1 < len(stop.path) and beyond and beyond[0][0] == last:
                names += self._on_the_way(path, beyond[0])
        return names

    def _on_the_way(self, path: Components, entry: tuple[bytes, int]) -> list[tuple[bytes, int]]:
        """An entry above the stop: whoever goes on from there takes it for a directory."""
        if entry[1] == ENTER:
            return [entry]
        self._unread((*path, entry[0]), NotADirectoryError(errno.ENOTDIR, "was a directory before"))
        return []

    def _holds_stop(self, path: Components) -> bool:
        stop = self._stop
        return stop is not None and len(path) < len(stop.path) and stop.path[: len(path)] == path

    def _up_to(self, stop: Place) -> Iterator[Event]:
        """Enters what is missing of the directories above the stop, and begins a file there."""
        while (depth := len(self._stack) - 1) < len(stop.path):
            name = stop.path[depth - 1] if depth else self._root_name
            missing = Directory(stop.path[:depth], name)
            self._stack.append(missing)
            yield ENTER, missing, b""
        begun = self._start.offset and self._start.path == stop.path
        if stop.offset and not begun:
            yield PIECE, self._stack[-1], stop.path[-1] if stop.path else self._root_name

    def _spare_descriptors(self) -> None:
        if len(self._stack) > OPEN_MAX:
            self._stack[-OPEN_MAX].close()

    def _reopen(self) -> None:
        """Opens the directory on top again, where it was closed to spare descriptors."""
        top = self._stack[-1]
        if top.descriptor != CLOSED or top.status is None:
            return
        names = [directory.name for directory in self._stack[1:]]
        try:
            top.descriptor = open_beneath(self._stack[0].descriptor, names)
            if not os.path.samestat(os.fstat(top.descriptor), top.status):
                raise FileNotFoundError(errno.ENOENT, "another directory stands in its place")
        except OSError as error:
            top.close()
            self._lose_rest(top, error)

    def _lose_rest(self, directory: Directory, error: OSError) -> None:
        for name, _ in directory.entries:
            self._unread(directory.below(name), error)
