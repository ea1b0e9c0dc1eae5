"""Writes blobs into packs, and the index that names them."""

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from container_agent.repository import documents
from container_agent.repository.blobs import BlobKind
from container_agent.repository.crypto import Sealer
from container_agent.repository.index import BLOBS_PER_FILE, Index, encode_index
from container_agent.repository.packs import OpenPack, PackedBlob, SealedBlob, seal_blob
from container_agent.repository.stores import Store

THREADS = 2
# Small blobs go to the threads together: handing one over costs as much as sealing it.
BATCH_BYTES = 1 << 20
BATCHES_MAX = 8
PACK_BYTES = 16 << 20
PACKS_MAX = 2

Batch = list[tuple[BlobKind, bytes, bytes]]


class PackWriter:
    """Writes blobs that the repository does not have yet. For one thread.

    Memory is bounded: 8 batches of 1 MiB, or of one larger blob, a pack of each kind that is
    being filled, and two that are being written.
    """

    def __init__(self, store: Store, sealer: Sealer, index: Index) -> None:
        self._store, self._sealer, self._index = store, sealer, index
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="pack")
        self._batch: Batch = []
        self._batch_bytes = 0
        self._pending: set[bytes] = set()
        self._sealing: deque[Future[list[SealedBlob]]] = deque()
        self._writing: deque[Future[tuple[bytes, list[PackedBlob]]]] = deque()
        self._open = {kind: OpenPack() for kind in BlobKind}
        self._written: list[tuple[bytes, list[PackedBlob]]] = []
        self.added_bytes = 0
        self.added_blobs = 0

    def put(self, kind: BlobKind, blob_id: bytes, data: bytes | memoryview) -> bool:
        """Has a blob written by the next flush. False when it is there already. A view is copied
        before this returns."""
        key = blob_id + bytes((kind,))
        if key in self._pending or self._index.find(kind, blob_id) is not None:
            return False
        self._pending.add(key)
        self._batch.append((kind, blob_id, bytes(data)))
        self._batch_bytes += len(data)
        if self._batch_bytes >= BATCH_BYTES:
            self._seal_batch()
        return True

    def flush(self) -> None:
        """Makes all that was put durable, with the index that names it. StorageFull when backup
        storage takes no more: then nothing of what is not named counts."""
        self._seal_batch()
        while self._sealing:
            self._collect()
        for kind in BlobKind:
            self._write_pack(kind)
        while self._writing:
            self._written.append(self._writing.popleft().result())
        self._name_written()
        self._pending.clear()

    def close(self) -> None:
        """Ends the threads. What was not flushed is lost."""
        self._threads.shutdown(cancel_futures=True)

    def _seal_batch(self) -> None:
        if not self._batch:
            return
        while len(self._sealing) >= BATCHES_MAX:
            self._collect()
        self._sealing.append(self._threads.submit(seal_all, self._sealer, self._batch))
        self._batch, self._batch_bytes = [], 0

    def _collect(self) -> None:
        for blob in self._sealing.popleft().result():
            pack = self._open[blob.kind]
            pack.add(blob)
            self.added_bytes += len(blob.sealed)
            self.added_blobs += 1
            if pack.size >= PACK_BYTES:
                self._write_pack(blob.kind)

    def _write_pack(self, kind: BlobKind) -> None:
        pack, self._open[kind] = self._open[kind], OpenPack()
        if not pack.blobs:
            return
        while len(self._writing) >= PACKS_MAX:
            self._written.append(self._writing.popleft().result())
        self._writing.append(self._threads.submit(self._store_pack, pack))

    def _store_pack(self, pack: OpenPack) -> tuple[bytes, list[PackedBlob]]:
        data = pack.finish(self._sealer)
        pack_id = hashlib.sha256(data).digest()
        self._store.write(f"data/{pack_id.hex()}", data)
        return pack_id, pack.blobs

    def _name_written(self) -> None:
        while self._written:
            named, count = [], 0
            while self._written and count < BLOBS_PER_FILE:
                pack_id, blobs = self._written.pop()
                named.append((pack_id, blobs))
                count += len(blobs)
            documents.save(self._store, self._sealer, "index", encode_index(named))
            for pack_id, blobs in named:
                self._index.add(pack_id, blobs)


def seal_all(sealer: Sealer, batch: Batch) -> list[SealedBlob]:
    """Seals a batch, in a thread."""
    return [seal_blob(sealer, kind, blob_id, data) for kind, blob_id, data in batch]
