"""Walks a repository snapshot: depth-first, names in byte order, from one place to another."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from container_agent.repository.errors import BlobMissing, SnapshotUnknown
from container_agent.repository.repository import Repository
from container_agent.session.restore_entries import Entry, never, read_tree
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


EVERYTHING = Reach()


class Selection:
    """What of a snapshot is restored: all of it, or one path and what lies below."""

    def __init__(
        self,
        repository: Repository,
        plan: slice_pb2.RestorePlan,
        needless: Callable[[bytes], bool] = never,
    ) -> None:
        self._repository = repository
        self._needless = needless
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
        entries = read_tree(self._repository, self.snapshot.tree)
        for depth, name in enumerate(path):
            entries = [entry for entry in entries if entry.name == name]
            if not entries:
                return None
            if depth + 1 < len(path):
                if not entries[0].is_directory:
                    return None
                entries = read_tree(self._repository, entries[0].subtree())
        return entries

    def walk(self, reach: Reach = EVERYTHING) -> Iterator[tuple[Components, Entry]]:
        """Each entry in reach, with the place of the directory that holds it."""
        start, stop = reach.start.path, reach.stop
        stack = [(self._above, iter(self._entries))]
        while stack:
            directory, entries = stack[-1]
            for entry in entries:
                path = (*directory, entry.name)
                if stop is not None and path >= stop.path:
                    if path == stop.path and stop.offset:
                        yield directory, entry
                    return
                if path >= start:
                    yield directory, entry
                elif path != start[: len(path)]:
                    continue
                if entry.is_directory:
                    below = read_tree(self._repository, entry.subtree(), self._needless)
                    stack.append((path, iter(below)))
                    break
            else:
                stack.pop()
