"""Packs: sealed blobs end to end, then a sealed header that lists them, then its length."""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from container_agent.repository.blobs import BlobKind
from container_agent.repository.compression import compress_where_it_helps, decompress
from container_agent.repository.crypto import OVERHEAD_BYTES, Sealer
from container_agent.repository.errors import RepositoryDamaged

PLAIN_ENTRY = struct.Struct("<BI32s")
COMPRESSED_ENTRY = struct.Struct("<BII32s")
HEADER_LENGTH = struct.Struct("<I")
COMPRESSED = 2
HEADER_BYTES_MAX = 64 << 20
PART_BYTES = 256 << 10


class SealedBlob(NamedTuple):
    """A blob as a pack holds it; `uncompressed_length` is 0 when it is not compressed."""

    kind: BlobKind
    blob_id: bytes
    sealed: bytes
    uncompressed_length: int


class PackedBlob(NamedTuple):
    """A blob's entry in a pack's header, with its place."""

    kind: BlobKind
    blob_id: bytes
    offset: int
    length: int
    uncompressed_length: int


def seal_blob(
    sealer: Sealer, kind: BlobKind, blob_id: bytes, data: bytes | memoryview
) -> SealedBlob:
    """Compresses where it helps, and seals."""
    packed = compress_where_it_helps(data)
    if packed is None:
        return SealedBlob(kind, blob_id, sealer.seal(data), 0)
    return SealedBlob(kind, blob_id, sealer.seal(packed), len(data))


def open_blob(
    sealer: Sealer, blob_id: bytes, sealed: bytes | memoryview, uncompressed_length: int
) -> bytes:
    """The blob's bytes, of the right hash, or RepositoryDamaged.

    The hash, which comes from an authentic tree, proves them whatever the tag says. But no bytes
    that are not authentic may reach the decompressor: there the tag is checked before.
    """
    try:
        if uncompressed_length:
            plain = decompress(sealer.open(sealed), uncompressed_length)
        else:
            plain = sealer.decrypt(sealed)
    except RepositoryDamaged as error:
        raise RepositoryDamaged(f"Blob {blob_id.hex()[:16]} is damaged: {error}") from error
    if hashlib.sha256(plain).digest() != blob_id:
        raise RepositoryDamaged(f"Blob {blob_id.hex()[:16]} is not what its id says.")
    return plain


def verify_blob(
    sealer: Sealer, blob_id: bytes, sealed: bytes | memoryview, uncompressed_length: int
) -> None:
    """RepositoryDamaged when a bit is not as it was written, be it only of the tag."""
    try:
        sealer.check(sealed)
    except RepositoryDamaged as error:
        raise RepositoryDamaged(f"Blob {blob_id.hex()[:16]} is damaged: {error}") from error
    open_blob(sealer, blob_id, sealed, uncompressed_length)


def encode_header(blobs: Iterable[PackedBlob]) -> bytes:
    """The header, before it is sealed."""
    return b"".join(
        COMPRESSED_ENTRY.pack(b.kind + COMPRESSED, b.length, b.uncompressed_length, b.blob_id)
        if b.uncompressed_length
        else PLAIN_ENTRY.pack(b.kind, b.length, b.blob_id)
        for b in blobs
    )


def decode_header(header: bytes) -> Iterator[PackedBlob]:
    """The entries of an opened header; RepositoryDamaged when it is none."""
    at = offset = 0
    while at < len(header):
        entry = COMPRESSED_ENTRY if header[at] >= COMPRESSED else PLAIN_ENTRY
        if header[at] > COMPRESSED + BlobKind.TREE or at + entry.size > len(header):
            raise RepositoryDamaged("A pack's header is damaged.")
        if entry is COMPRESSED_ENTRY:
            kind, length, uncompressed, blob_id = entry.unpack_from(header, at)
        else:
            kind, length, blob_id = entry.unpack_from(header, at)
            uncompressed = 0
        yield PackedBlob(BlobKind(kind % COMPRESSED), blob_id, offset, length, uncompressed)
        at += entry.size
        offset += length


def read_header(sealer: Sealer, pack: bytes) -> list[PackedBlob]:
    """The entries of a whole pack; the blobs and the header must fill it."""
    if len(pack) < HEADER_LENGTH.size + OVERHEAD_BYTES:
        raise RepositoryDamaged("A pack is too short.")
    (length,) = HEADER_LENGTH.unpack(pack[-HEADER_LENGTH.size :])
    start = len(pack) - HEADER_LENGTH.size - length
    if length > HEADER_BYTES_MAX or start < 0:
        raise RepositoryDamaged("A pack's header has an impossible length.")
    blobs = list(decode_header(sealer.open(memoryview(pack)[start : start + length])))
    if sum(blob.length for blob in blobs) != start:
        raise RepositoryDamaged("A pack's header does not match its length.")
    return blobs


class OpenPack:
    """A pack that is being filled. Small neighbours are put together as they come: while they are
    near at hand, and so that the next take their room; and each part costs as a part."""

    def __init__(self) -> None:
        self.blobs: list[PackedBlob] = []
        self.size = 0
        self._parts: list[bytes] = []
        self._small: list[bytes] = []
        self._small_start = 0

    def add(self, blob: SealedBlob) -> None:
        """Puts a blob at the end."""
        kind, blob_id, sealed, uncompressed_length = blob
        length = len(sealed)
        self.blobs.append(PackedBlob(kind, blob_id, self.size, length, uncompressed_length))
        self.size += length
        if length < PART_BYTES:
            self._small.append(sealed)
            if self.size - self._small_start >= PART_BYTES:
                self._join()
        else:
            self._join()
            self._parts.append(sealed)
            self._small_start = self.size

    def _join(self) -> None:
        if self._small:
            self._parts.append(b"".join(self._small))
            self._small.clear()
        self._small_start = self.size

    def finish(self, sealer: Sealer) -> list[bytes]:
        """The whole pack, in parts: putting it together would copy what can be written so."""
        header = sealer.seal(encode_header(self.blobs))
        self._small += (header, HEADER_LENGTH.pack(len(header)))
        self._join()
        return self._parts
