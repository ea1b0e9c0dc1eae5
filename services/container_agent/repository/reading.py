"""Reads small blobs that lie side by side in a pack, many with one read of the pack."""

from collections.abc import Callable

from container_agent.repository.blobs import BlobKind, Place
from container_agent.repository.crypto import Sealer
from container_agent.repository.errors import BlobMissing, RepositoryDamaged
from container_agent.repository.index import Index
from container_agent.repository.packs import open_blob
from container_agent.repository.stores import Store, pack_name

# A blob as long as this is a read of its own.
SMALL_BYTES = 256 << 10
# What is read of a pack at once when it is read from one blob to the next.
AHEAD_BYTES = 512 << 10
# What may lie between two blobs that count as neighbours: trees of an earlier backup, and such.
GAP_BYTES = 64 << 10

ReadBlob = Callable[[BlobKind, bytes], bytes]


class BlobReader:
    """Blobs in about the order in which they were stored. For one thread; 512 KiB of memory.

    A slice was stored by one session, blob after blob, so most reads are answered by the last one;
    where blobs are scattered no more is read than they are long.
    """

    def __init__(self, store: Store, sealer: Sealer, index: Index, read_blob: ReadBlob) -> None:
        self._store, self._sealer, self._index = store, sealer, index
        self._read_blob = read_blob
        self._pack = b""
        self._window = memoryview(b"")
        self._start = 0

    def read_blob(self, kind: BlobKind, blob_id: bytes) -> bytes:
        """A blob, authentic and of the right hash. BlobMissing, RepositoryDamaged."""
        place = self._index.find(kind, blob_id)
        if place is None or place.length > SMALL_BYTES:
            return self._read_blob(kind, blob_id)
        pack, offset, length, uncompressed_length = place
        try:
            at = offset - self._start
            if pack != self._pack or not 0 <= at <= len(self._window) - length:
                self._move_window(place, at)
                at = 0
            sealed = self._window[at : at + length]
            return open_blob(self._sealer, blob_id, sealed, uncompressed_length)
        except (BlobMissing, RepositoryDamaged):
            # It may be whole in another pack; if not, that says so.
            self._pack = b""
            return self._read_blob(kind, blob_id)

    def _move_window(self, place: Place, at: int) -> None:
        near = place.pack_id == self._pack and 0 <= at <= len(self._window) + GAP_BYTES
        ahead = AHEAD_BYTES - place.length if near else 0
        try:
            data = self._store.read_range(
                pack_name(place.pack_id), place.offset, place.length, ahead
            )
        except FileNotFoundError:
            raise BlobMissing(f"The pack {place.pack_id.hex()[:16]} is gone.") from None
        self._pack, self._start = place.pack_id, place.offset
        self._window = memoryview(data)
