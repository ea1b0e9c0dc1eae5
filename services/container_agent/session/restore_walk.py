"""Walks a repository snapshot: depth-first, names in byte order, from one place to another."""

import os
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from container_agent.repository.errors import BlobMissing, SnapshotUnknown
from container_agent.repository.repository import Repository
from container_agent.session.restore_entries import Entry, name_of, never, read_tree
from container_agent.session.restore_privileges import without_privileges
from container_agent.session.walking import components_of, place_of, stop_of
from container_agent.storage.walk import Components, Place
from sluicegate.rpc.text import printable
from sluicegate.v1 import slice_pb2

ORIGIN = Place()


@dataclass(frozen=True)
class Reach:
    """The part of a walk from `start`, inclusive, to `stop`, exclusive; both may be in a file."""

    start: Place = ORIGIN
    stop: Place | None = None

    @classmethod
    def of(cls, span: slice_pb2.Span) -> "Reach":
        """A span as it came over the wire."""
        return cls(place_of(span.start), stop_of(span))

    def bytes_of(self, path: Components) -> tuple[int, int | None]:
        """The bytes of a file that are in reach: from, and up to or all."""
        first = self.start.offset if path == self.start.path else 0
        ends = self.stop is not None and path == self.stop.path
        return first, self.stop.offset if self.stop is not None and ends else None

    def within(self, directory: Components, entries: list[Entry]) -> tuple[int, int]:
        """Which entries of a directory are in reach or lead to what is: from, and up to."""
        depth, first, last = len(directory), 0, len(entries)
        start, stop = self.start.path, self.stop
        if len(start) > depth and start[:depth] == directory:
            first = bisect_left(entries, start[depth], key=name_of)
        if stop is not None and len(stop.path) > depth and stop.path[:depth] == directory:
            name = stop.path[depth]
            last = bisect_left(entries, name, key=name_of)
            if last < len(entries) and entries[last].name == name:
                # It is a directory that the stop is in, or a file, or it is the stop.
                last += len(stop.path) > depth + 1 or stop.offset > 0
        return first, last

    def misses(self, directory: Components) -> bool:
        """True when nothing below a directory is in reach."""
        if self.start.path[: len(directory)] > directory:
            return True
        return self.stop is not None and self.stop.path <= directory


EVERYTHING = Reach()


class Selection:
    """What of a snapshot is restored: all of it, or one path and what lies below."""

    def __init__(
        self,
        repository: Repository,
        plan: slice_pb2.RestorePlan,
        needless: Callable[[bytes], bool] = never,
    ) -> None:
        self._read_blob = repository.reader().read_blob
        self._needless = needless
        self._drops_privileges = plan.drop_privileges
        self.snapshot = repository.find_snapshot(plan.snapshot)
        try:
            self._above, self._entries = self._find(plan.include)
        except BlobMissing:
            # The snapshot may be younger than the index that this session has loaded.
            repository.load_index()
            self._above, self._entries = self._find(plan.include)

    def names(self) -> list[bytes]:
        """What lies directly in a target when this is restored."""
        return [self._above[0]] if self._above else [entry.name for entry in self._entries]

    def _find(self, include: bytes) -> tuple[Components, list[Entry]]:
        """The included path, also where it is meant from the backed up folder on."""
        wanted = components_of(include)
        starts: list[Components] = [()]
        if wanted and not include.startswith(b"/"):
            starts += [components_of(os.fsencode(path)) for path in self.snapshot.paths]
        for start in starts:
            path = (*start, *wanted)
            entries = self._lookup(path)
            if entries is not None:
                return path[:-1], entries
        raise SnapshotUnknown(f"The snapshot holds no {printable(include)}; name it in full.")

    def _lookup(self, path: Components) -> list[Entry] | None:
        entries = self._read(self.snapshot.tree)
        for depth, name in enumerate(path):
            entries = [entry for entry in entries if entry.name == name]
            if not entries:
                return None
            if depth + 1 < len(path):
                if not entries[0].is_directory:
                    return None
                entries = self._read(entries[0].subtree())
        return entries

    def _read(self, tree_id: bytes, needless: Callable[[bytes], bool] = never) -> list[Entry]:
        """The entries of a directory, as far as they are to be restored."""
        entries = read_tree(self._read_blob, tree_id, needless)
        return without_privileges(entries) if self._drops_privileges else entries

    def walk(self, reach: Reach = EVERYTHING) -> Iterator[tuple[Components, Entry]]:
        """Each entry in reach, with the place of the directory that holds it."""
        for directory, entries in self.runs(reach):
            for entry in entries:
                yield directory, entry

    def runs(self, reach: Reach = EVERYTHING) -> Iterator[tuple[Components, Sequence[Entry]]]:
        """The entries in reach, those of one directory that follow one another together. A
        directory is the last of its run: what it holds comes next."""
        if reach.misses(self._above):
            return
        stack = [(self._above, self._entries, *reach.within(self._above, self._entries))]
        while stack:
            directory, entries, first, last = stack.pop()
            at = first
            while at < last and not entries[at].is_directory:
                at += 1
            if first < at and (*directory, entries[first].name) < reach.start.path:
                first += 1
            if at == last:
                if first < at:
                    yield directory, entries[first:at]
                continue
            path = (*directory, entries[at].name)
            if first < at or path >= reach.start.path:
                yield directory, entries[first : at + 1]
            if reach.stop is not None and path >= reach.stop.path:
                return
            stack.append((directory, entries, at + 1, last))
            below = self._read(entries[at].subtree(), self._needless)
            stack.append((path, below, *reach.within(path, below)))
