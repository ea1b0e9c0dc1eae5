"""The two kinds of blobs, and where one lies."""

from enum import IntEnum
from typing import NamedTuple


class BlobKind(IntEnum):
    """The kind, as the pack's header tells it when the blob is not compressed."""

    DATA = 0
    TREE = 1

    @property
    def word(self) -> str:
        """The kind, as the index tells it."""
        return self.name.lower()


class Place(NamedTuple):
    """Where a blob lies, sealed, and how long it is plain (0: it is stored uncompressed)."""

    pack_id: bytes
    offset: int
    length: int
    uncompressed_length: int
