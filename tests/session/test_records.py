"""Records: what was written is read again, in parts where it is long, and nothing else is taken."""

from hashlib import sha256

import pytest

from container_agent.repository.errors import RepositoryDamaged, RepositoryVersion
from container_agent.session import records
from container_agent.session.records import RecordWriter, read_record
from container_agent.session.words import CLOSE, Event, Open, Piece
from container_agent.storage.read import Stamp

EVENTS: list[Event] = [
    b'{"name":"a","type":"file","content":[]}',
    Piece(b"\xff", b'{"name":"x"}', Stamp(1, 2, 3, 4), 9, ("ab", "cd"), True, False),
    CLOSE,
    Piece(b"p", None, Stamp(0, 0, 0, 0), 0, (), False, True, torn=True),
    Open(b'name "\n<', b'{"name":"d","content":null}'),
    Open(b"gone", None),
]


class Blobs(dict[bytes, bytes]):
    """Blobs by their ids."""

    def put(self, data: bytes) -> str:
        """Keeps a blob."""
        self[sha256(data).digest()] = data
        return sha256(data).hexdigest()


def test_what_was_written_is_read_again() -> None:
    blobs = Blobs()
    writer = RecordWriter(blobs.put)
    writer.add(EVENTS[:2])
    writer.add(EVENTS[2:])
    record_id = bytes.fromhex(writer.finish())
    assert list(read_record(record_id, blobs.__getitem__)) == EVENTS
    assert len(blobs) == 1


def test_a_long_record_is_several_blobs() -> None:
    blobs = Blobs()
    writer = RecordWriter(blobs.put)
    nodes: list[Event] = [b'{"name":"%01000d"}' % number for number in range(10_000)]
    writer.add(nodes)
    record_id = bytes.fromhex(writer.finish())
    assert len(blobs) == 3
    assert max(map(len, blobs.values())) < records.PART_BYTES + 2000
    assert list(read_record(record_id, blobs.__getitem__)) == nodes


def test_a_record_of_a_newer_version_is_refused() -> None:
    with pytest.raises(RepositoryVersion, match="of version 2"):
        list(read_record(b"r" * 32, lambda _: b'{"version":2,"parts":[]}'))


@pytest.mark.parametrize(
    "blob",
    [b"", b"\xff", b"[]", b"{}", b'{"version":1}', b'{"version":1,"parts":[]}\n["what"]'],
)
def test_what_is_no_record_is_told_as_damage(blob: bytes) -> None:
    with pytest.raises(RepositoryDamaged, match="is no record"):
        list(read_record(b"r" * 32, lambda _: blob))
