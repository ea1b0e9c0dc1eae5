"""Records: the words of slices as blobs of the repository, for the seal.

A record is JSON lines, each an event, after a line with the version and the ids of the blobs that
hold the lines before these. So neither side has all of a long record in memory.
"""

import json
from collections.abc import Callable, Iterable, Iterator

from container_agent.repository.errors import RepositoryDamaged, RepositoryVersion
from container_agent.repository.quoting import quote, unquote
from container_agent.session.words import CLOSE, Event, Open, Piece
from container_agent.storage.read import Stamp

VERSION = 1
PART_BYTES = 4 << 20
NODE, CLOSED = b'["node",', b'["close"]'


class RecordWriter:
    """Takes the events of a word in order, and stores them as blobs through `put`."""

    def __init__(self, put: Callable[[bytes], str]) -> None:
        self._put = put
        self._lines: list[bytes] = []
        self._bytes = 0
        self._parts: list[str] = []

    def add(self, events: Iterable[Event]) -> None:
        """Adds events after those that were added before."""
        for event in events:
            line = encode(event)
            self._lines.append(line)
            self._bytes += len(line) + 1
            if self._bytes >= PART_BYTES:
                self._parts.append(self._put(b"\n".join(self._lines)))
                self._lines, self._bytes = [], 0

    def finish(self) -> str:
        """The id of the record, in hex."""
        head = json.dumps({"version": VERSION, "parts": self._parts}).encode()
        return self._put(b"\n".join([head, *self._lines]))


def read_record(blob_id: bytes, read: Callable[[bytes], bytes]) -> Iterator[Event]:
    """The events of a record. RepositoryDamaged, or RepositoryVersion when a newer version wrote
    it."""
    shown = blob_id.hex()[:16]
    try:
        head, *lines = read(blob_id).split(b"\n")
        about = json.loads(head)
        if about["version"] != VERSION:
            raise RepositoryVersion(
                f"The record {shown} is of version {about['version']}; use the Sluicegate that "
                "wrote it, or back up again."
            )
        for part in about["parts"]:
            yield from map(decode, read(bytes.fromhex(part)).split(b"\n"))
        yield from map(decode, lines)
    except (ValueError, KeyError, TypeError) as error:
        raise RepositoryDamaged(f"The record {shown} is no record: {error}.") from error


def encode(event: Event) -> bytes:
    """An event as a line."""
    if isinstance(event, bytes):
        return b"%b%b]" % (NODE, event)
    if isinstance(event, Open):
        return json.dumps(["open", quote(event.name), as_text(event.node)]).encode()
    if isinstance(event, Piece):
        about = event.size_bytes, event.content, event.first, event.last, event.torn
        line = ["piece", quote(event.name), as_text(event.node), event.stamp, *about]
        return json.dumps(line).encode()
    return CLOSED


def decode(line: bytes) -> Event:
    """An event from its line."""
    if line.startswith(NODE):
        return line[len(NODE) : -1]
    match json.loads(line):
        case ["close"]:
            return CLOSE
        case ["open", name, node]:
            return Open(unquote(name), as_bytes(node))
        case ["piece", name, node, stamp, size_bytes, content, first, last, torn]:
            return Piece(
                unquote(name),
                as_bytes(node),
                Stamp(*stamp),
                size_bytes,
                tuple(content),
                first,
                last,
                torn,
            )
        case unknown:
            raise ValueError(f"unknown event {unknown!r:.60}")


def as_text(node: bytes | None) -> str | None:
    """A node within JSON."""
    return node.decode() if node is not None else None


def as_bytes(node: str | None) -> bytes | None:
    """A node from JSON."""
    return node.encode() if node is not None else None
