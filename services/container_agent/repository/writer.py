"""Writes blobs into packs, and the index that names them."""

import hashlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from container_agent.repository import documents
from container_agent.repository.blobs import BlobKind
from container_agent.repository.crypto import Sealer
from container_agent.repository.index import Index
from container_agent.repository.index_documents import BLOBS_PER_FILE, WrittenPack, encode_index
from container_agent.repository.packs import OpenPack, SealedBlob, seal_blob
from container_agent.repository.stores import Store

THREADS = 2
# A blob of at most this is sealed where it is put. Threads that seal small ones take turns with the
# one that reads, as only one of them runs Python at a time, and that costs more than the sealing.
SMALL_BYTES = 64 << 10
# What may wait to be sealed; one blob may be as large as this.
SEALING_BYTES_MAX = 12 << 20
PACK_BYTES = 16 << 20
STORING_MAX = 2


class Sealing(NamedTuple):
    """A large blob in the hands of a thread."""

    blob: Future[SealedBlob]
    size: int


class PackWriter:
    """Writes blobs that the repository does not have yet. For one thread.

    Memory is bounded: 12 MiB that wait to be sealed, and as much sealed, and of each kind a pack
    that is filled, and two that are written. Once a pack could not be written every flush fails:
    what the writer had taken in is lost.
    """

    def __init__(
        self, store: Store, sealer: Sealer, index: Index, check_lock: Callable[[], None]
    ) -> None:
        self._store, self._sealer, self._index = store, sealer, index
        self._check_lock = check_lock
        self._sealers = ThreadPoolExecutor(THREADS, thread_name_prefix="seal")
        # Threads of their own: sealing goes on while packs are on their way to the medium.
        self._storers = ThreadPoolExecutor(STORING_MAX, thread_name_prefix="store")
        # By kind, as all that is told apart by it here: a table, as an enumeration is slow to hash.
        self._pending: tuple[set[bytes], ...] = tuple(set() for _ in BlobKind)
        self._sealing: deque[Sealing] = deque()
        self._sealing_bytes = 0
        self._storing: deque[Future[WrittenPack]] = deque()
        self._open = [OpenPack() for _ in BlobKind]
        self._written: list[WrittenPack] = []
        self.added_bytes = 0
        self.added_blobs = 0

    def put(self, kind: BlobKind, blob_id: bytes, data: bytes | memoryview) -> bool:
        """Has a blob written by the next flush. False when it is there already. A view of what may
        change is copied before this returns."""
        pending = self._pending[kind]
        if blob_id in pending or self._index.find(kind, blob_id) is not None:
            return False
        pending.add(blob_id)
        if len(data) <= SMALL_BYTES:
            self._pack(seal_blob(self._sealer, kind, blob_id, bytes(data)))
        else:
            self._hand_over(kind, blob_id, data if is_fixed(data) else bytes(data))
        return True

    def has(self, kind: BlobKind, blob_id: bytes) -> bool:
        """Whether a blob is there, or is on its way."""
        return blob_id in self._pending[kind] or self._index.find(kind, blob_id) is not None

    def flush(self) -> None:
        """Makes all that was put durable, with the index that names it. StorageFull when backup
        storage takes no more: then nothing of what is not named counts. RepositoryLocked when the
        lock has run out, and with it the promise that what was there already still is."""
        while self._sealing:
            self._collect()
        for kind in BlobKind:
            self._store_open(kind)
        while self._storing:
            self._settle_store()
        self._name_written()
        self._check_lock()
        for pending in self._pending:
            pending.clear()

    def close(self) -> None:
        """Ends the threads. What was not flushed is lost."""
        self._sealers.shutdown(cancel_futures=True)
        self._storers.shutdown(cancel_futures=True)

    def _hand_over(self, kind: BlobKind, blob_id: bytes, data: bytes | memoryview) -> None:
        while self._sealing and self._sealing_bytes + len(data) > SEALING_BYTES_MAX:
            self._collect()
        future = self._sealers.submit(seal_blob, self._sealer, kind, blob_id, data)
        self._sealing.append(Sealing(future, len(data)))
        self._sealing_bytes += len(data)

    # What is waited for leaves its queue only when it is there: a failure stays and is met again.

    def _collect(self) -> None:
        first = self._sealing[0]
        blob = first.blob.result()
        self._sealing.popleft()
        self._sealing_bytes -= first.size
        self._pack(blob)

    def _pack(self, blob: SealedBlob) -> None:
        pack = self._open[blob.kind]
        pack.add(blob)
        self.added_bytes += len(blob.sealed)
        self.added_blobs += 1
        if pack.size >= PACK_BYTES:
            self._store_open(blob.kind)

    def _store_open(self, kind: BlobKind) -> None:
        if not self._open[kind].blobs:
            return
        while len(self._storing) >= STORING_MAX:
            self._settle_store()
        pack, self._open[kind] = self._open[kind], OpenPack()
        self._storing.append(self._storers.submit(self._store_pack, pack))

    def _settle_store(self) -> None:
        self._written.append(self._storing[0].result())
        self._storing.popleft()

    def _store_pack(self, pack: OpenPack) -> WrittenPack:
        parts = pack.finish(self._sealer)
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        self._store.write(f"data/{digest.hexdigest()}", parts)
        return digest.digest(), pack.blobs

    def _name_written(self) -> None:
        while self._written:
            count, blobs = 0, 0
            while count < len(self._written) and blobs < BLOBS_PER_FILE:
                blobs += len(self._written[count][1])
                count += 1
            named = self._written[:count]
            documents.save_json(self._store, self._sealer, "index", encode_index(named))
            self._index.add(named)
            del self._written[:count]


def is_fixed(data: bytes | memoryview) -> bool:
    """Whether nobody can change the bytes."""
    return isinstance(data, bytes) or isinstance(data.obj, bytes)
