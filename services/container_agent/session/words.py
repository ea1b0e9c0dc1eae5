"""Words: what spans of a walk are, reduced like brackets from which matching pairs were taken out.

A walk is a sequence of open, node and close. Wherever a directory is closed that was opened in the
same word, both and all between them become one node with its tree. What is left is

    (node | piece)* close (node | piece)* close ... open (node | piece)* open ...

Joining words is associative, and the word of a whole walk is one node. So any cuts lead to the same
root as none.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from container_agent.storage.metadata import with_subtree
from container_agent.storage.read import Stamp
from container_agent.storage.walk import Components, Place

SIZE_FIELD = re.compile(rb'(,"size":[0-9]+)?,"links":')
NO_STAMP = Stamp(0, 0, 0, 0)
NO_CONTENT = b'"content":[]}'


@dataclass(frozen=True, slots=True)
class Open:
    """A directory is entered. Without a node it was not there when the walk came to it."""

    name: bytes
    node: bytes | None


@dataclass(frozen=True, slots=True)
class Close:
    """The directory that is open is left."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file that a cut goes through. `first` and `last`: it begins or ends the file.

    The node has no content. Without a node the piece could not be read, which is listed already.
    """

    name: bytes
    node: bytes | None
    stamp: Stamp
    size_bytes: int
    content: tuple[str, ...]
    first: bool
    last: bool
    torn: bool = False

    def joined(self, other: "Piece") -> "Piece":
        """This piece and the one after it. Torn: the file was changed between the two."""
        return replace(
            self,
            node=self.node if other.node is not None else None,
            size_bytes=self.size_bytes + other.size_bytes,
            content=self.content + other.content,
            last=other.last,
            torn=self.torn or other.torn or self.stamp != other.stamp,
        )

    def whole(self) -> bytes:
        """The node of the file that the joined pieces are."""
        assert self.node is not None
        size = b',"size":%d' % self.size_bytes if self.size_bytes else b""
        node = SIZE_FIELD.sub(size + b',"links":', self.node, count=1)
        if not self.content:
            return node
        ids = '","'.join(self.content).encode("ascii")
        return b'%b"content":["%b"]}' % (node.removesuffix(NO_CONTENT), ids)


CLOSE = Close()
Event = Open | Close | Piece | bytes
Item = Piece | bytes


# Stores a tree and returns its id in hex.
PutTree = Callable[[bytes], str]
# The node to take for a directory that was not there when it was opened; told whether it is empty.
# None leaves it out.
Missing = Callable[[Components, bool], bytes | None]


class Frame:
    """A directory that is open, or, at the bottom, whatever is around."""

    __slots__ = ("items", "name", "node")

    def __init__(self, name: bytes, node: bytes | None) -> None:
        self.name = name
        self.node = node
        self.items: list[Item] = []

    def add_piece(self, piece: Piece) -> Piece | None:
        """Adds a piece to the one before it. Returns the whole file when that is what they are."""
        before = self.items[-1] if self.items else None
        if isinstance(before, Piece) and before.name == piece.name:
            self.items.pop()
            piece = before.joined(piece)
        if piece.first and piece.last:
            return piece
        self.items.append(piece)
        return None


class Word:
    """A word that grows at its end. `settled` events can change no more; they may be taken away.

    `torn` names the files whose pieces did not agree. Paths begin with the nameless root.
    """

    def __init__(self, put_tree: PutTree, missing: Missing) -> None:
        self._put_tree = put_tree
        self._missing = missing
        self.settled: list[Event] = []
        self.torn: list[Components] = []
        self._frames = [Frame(b"", None)]
        # The items of the frame on top: what most events are about.
        self._add = self._frames[0].items.append

    def open(self, name: bytes, node: bytes | None) -> None:
        """Enters a directory, with its node but for the tree."""
        self._frames.append(Frame(name, node))
        self._add = self._frames[-1].items.append

    def node(self, node: bytes) -> None:
        """Adds an entry."""
        self._add(node)

    def piece(self, piece: Piece) -> None:
        """Adds a part of a file."""
        whole = self._frames[-1].add_piece(piece)
        if whole is None or whole.node is None:
            return
        if whole.torn:
            self.torn.append((*self._path(), whole.name))
        self._add(whole.whole())

    def close(self) -> None:
        """Leaves a directory: one of this word becomes a node."""
        if len(self._frames) == 1:
            self.settled += self._frames[0].items
            self.settled.append(CLOSE)
            self._frames[0].items.clear()
            return
        path = self._path()
        frame = self._frames.pop()
        self._add = self._frames[-1].items.append
        node = frame.node
        if node is None:
            node = self._missing(path, not frame.items)
        if node is not None:
            self._add(with_subtree(node, self._put_tree(tree_of(frame.items))))

    def _path(self) -> Components:
        return tuple(frame.name for frame in self._frames[1:])

    def feed(self, events: Iterable[Event]) -> None:
        """Joins another word to this one's end."""
        for event in events:
            if isinstance(event, bytes):
                self._add(event)
            elif isinstance(event, Piece):
                self.piece(event)
            elif isinstance(event, Open):
                self.open(event.name, event.node)
            else:
                self.close()

    def settle(self) -> None:
        """Settles what can change no more but by a piece that follows."""
        items = self._frames[0].items
        kept = items[-1:] if items and isinstance(items[-1], Piece) else []
        self.settled += items[: len(items) - len(kept)]
        items[:] = kept

    def events(self) -> Iterator[Event]:
        """The word as it is now, but for what was taken away of it."""
        yield from self.settled
        for depth, frame in enumerate(self._frames):
            if depth:
                yield Open(frame.name, frame.node)
            yield from frame.items


def tree_of(items: Iterable[Item]) -> bytes:
    """The tree of a directory. Pieces of a file whose other pieces are lost are left out."""
    return b'{"nodes":[%b]}\n' % b",".join(item for item in items if isinstance(item, bytes))


def word_of_nothing(start: Place, stop: Place | None) -> Iterator[Event]:
    """The word of a span of which nothing is known but where it starts and stops."""
    same = stop is not None and stop.path == start.path
    left = directories_above(start.path)
    entered = directories_above(stop.path) if stop is not None else []
    kept = sum(one == other for one, other in zip(left, entered, strict=False))
    if start.offset:
        yield lost_piece(name_of(start.path), first=False, last=not same)
    yield from [CLOSE] * (len(left) - kept)
    for path in entered[kept:]:
        yield Open(name_of(path), None)
    if stop is not None and stop.offset and not (same and start.offset):
        yield lost_piece(name_of(stop.path), first=True, last=False)


def directories_above(path: Components) -> list[Components]:
    """The directories that hold an entry, the root first."""
    return [path[:depth] for depth in range(len(path))]


def name_of(path: Components) -> bytes:
    """The name of an entry; the root has none in words."""
    return path[-1] if path else b""


def lost_piece(name: bytes, *, first: bool, last: bool) -> Piece:
    """A part of a file that could not be read."""
    return Piece(name, None, NO_STAMP, 0, (), first, last)
