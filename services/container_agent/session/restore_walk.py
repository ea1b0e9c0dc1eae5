"""Walks a repository snapshot: depth-first, names in byte order, from one place to another.

A place is a tuple of names. Tuples compare as the walk goes: a directory before what it holds,
and all that it holds before its next neighbour.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import RepositoryDamaged, SnapshotUnknown
from container_agent.repository.repository import Repository
from container_agent.repository.snapshots import Snapshot
from container_agent.repository.trees import Node, decode_tree
from sluicegate.v1 import slice_pb2

Components = tuple[bytes, ...]
Entry = tuple[Components, Node]

DIRECTORY = "dir"
FORBIDDEN = frozenset((b"", b".", b".."))


@dataclass(frozen=True)
class Reach:
    """The part of a walk from `start`, inclusive, to `stop`, exclusive, which may lie inside files."""

    start: Components = ()
    start_offset: int = 0
    stop: Components | None = None
    stop_offset: int = 0

    def bytes_of(self, path: Components) -> tuple[int, int | None]:
        """The bytes of a file that are in reach: from, and up to or all."""
        first = self.start_offset if path == self.start else 0
        last = self.stop_offset if path == self.stop else None
        return first, last


def components_of(path: bytes) -> Components:
    """The names in a path; slashes around it do not matter."""
    stripped = path.strip(b"/")
    return tuple(stripped.split(b"/")) if stripped else ()


def reach_of(span: slice_pb2.Span) -> Reach:
    """A span as it came over the wire."""
    start = components_of(span.start.path), span.start.offset_bytes
    if not span.HasField("stop"):
        return Reach(*start)
    return Reach(*start, components_of(span.stop.path), span.stop.offset_bytes)


def read_tree(repository: Repository, tree_id: bytes) -> list[Node]:
    """The entries of a directory in byte order. A name that is more than a name is damage."""
    nodes = decode_tree(repository.read_blob(BlobKind.TREE, tree_id))
    nodes.sort(key=lambda node: node.name)
    before = None
    for node in nodes:
        name = node.name
        if name in FORBIDDEN or b"/" in name or b"\0" in name or name == before:
            raise RepositoryDamaged(
                f"Tree {tree_id.hex()[:16]} holds the impossible name {name!r}."
            )
        before = name
    return nodes


def children(repository: Repository, node: Node) -> list[Node]:
    """What a directory holds."""
    if node.subtree is None:
        raise RepositoryDamaged(f"The directory {node.name!r} has no tree.")
    return read_tree(repository, node.subtree)


class Selection:
    """What of a snapshot is restored: all of it, or one path and what lies below."""

    def __init__(self, repository: Repository, snapshot: Snapshot, include: bytes) -> None:
        self._repository = repository
        wanted = components_of(include)
        self.above: Components = wanted[:-1]
        self.nodes = read_tree(repository, snapshot.tree)
        for depth, name in enumerate(wanted):
            self.nodes = [node for node in self.nodes if node.name == name]
            if not self.nodes or (depth + 1 < len(wanted) and self.nodes[0].type != DIRECTORY):
                shown = include.decode(errors="backslashreplace")
                raise SnapshotUnknown(f"The snapshot holds no {shown}.")
            if depth + 1 < len(wanted):
                self.nodes = children(repository, self.nodes[0])

    def walk(self, reach: Reach = Reach()) -> Iterator[Entry]:  # noqa: B008  # frozen
        """Each entry in reach, with the place of the directory that holds it."""
        stack = [(self.above, iter(self.nodes))]
        while stack:
            directory, nodes = stack[-1]
            for node in nodes:
                path = (*directory, node.name)
                if reach.stop is not None and path >= reach.stop:
                    if path == reach.stop and reach.stop_offset:
                        yield directory, node
                    return
                if path >= reach.start:
                    yield directory, node
                elif path != reach.start[: len(path)]:
                    continue
                if node.type == DIRECTORY:
                    stack.append((path, iter(children(self._repository, node))))
                    break
            else:
                stack.pop()
