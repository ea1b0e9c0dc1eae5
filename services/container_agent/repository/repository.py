"""A restic repository of version 2, as a whole."""

import json
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from container_agent.repository import documents, keys
from container_agent.repository.blobs import BlobKind, Place
from container_agent.repository.crypto import OVERHEAD_BYTES, MasterKey, Sealer
from container_agent.repository.errors import (
    BlobMissing,
    RepositoryDamaged,
    RepositoryExists,
    RepositoryMissing,
    RepositoryVersion,
)
from container_agent.repository.index import Index
from container_agent.repository.index_cache import IndexCache
from container_agent.repository.index_file import IndexFile
from container_agent.repository.locks import Lock, is_forsaken, remove_dead
from container_agent.repository.packs import open_blob
from container_agent.repository.polynomials import random_polynomial
from container_agent.repository.reading import BlobReader
from container_agent.repository.snapshots import Snapshot, choose, decode_snapshot, encode_snapshot
from container_agent.repository.stores import NAME, Store, pack_name
from container_agent.repository.verification import PackReport, verify_pack
from container_agent.repository.writer import PackWriter

VERSION = 2


class Repository:
    """An open repository. Reading is for any thread."""

    def __init__(
        self, store: Store, sealer: Sealer, repository_id: str, cache: Path | None = None
    ) -> None:
        self.id = repository_id
        self._store = store
        self._sealer = sealer
        self._index = Index(self._mend_index)
        self._cache = IndexCache(cache, repository_id, sealer.derived(b"index file"))
        self._loading = threading.Lock()
        self._lock: Lock | None = None

    @classmethod
    def create(cls, store: Store, password: bytes) -> None:
        """Makes a new repository. RepositoryExists where one, or anything else, lies already."""
        if store.exists("config"):
            raise RepositoryExists(f"A repository lies at {store} already.")
        store.create()
        if any(map(store.names, ("keys", "data", "index", "snapshots"))):
            raise RepositoryExists(
                f"{store} holds parts of a repository that was never finished, or has lost its "
                f"config; name a new or empty directory."
            )
        sealer = Sealer(keys.create_key(store, password))
        config = {
            "version": VERSION,
            "id": secrets.token_hex(32),
            "chunker_polynomial": f"{random_polynomial():x}",
        }
        # The config comes last: what has one is a whole repository.
        try:
            store.write("config", sealer.seal(json.dumps(config).encode()), new=True)
        except FileExistsError:
            raise RepositoryExists(f"A repository lies at {store} already.") from None

    @classmethod
    def open(
        cls, store: Store, password: bytes, master_key: bytes = b"", cache: Path | None = None
    ) -> "Repository":
        """Opens it, by its master key where that is known, else by the password. With a cache
        directory, a large index is a file there that all sessions of the host share.

        RepositoryMissing, WrongPassword, or RepositoryVersion for any but 2.
        """
        if not store.exists("config"):
            raise RepositoryMissing(
                f"No repository lies at {store}; make one with `sluicegate init`."
            )
        sealer, config = open_config(store, password, master_key)
        if (version := config.get("version")) != VERSION:
            newer = isinstance(version, int) and version > VERSION
            advice = (
                "use a newer Sluicegate"
                if newer
                else "`restic migrate upgrade_repo_v2` brings version 1 there"
            )
            raise RepositoryVersion(
                f"The repository at {store} is of version {version}; this Sluicegate works with "
                f"version {VERSION}: {advice}."
            )
        return cls(store, sealer, identity_of(config), cache)

    def load_index(self) -> None:
        """Takes in what the repository's index files name now."""
        with self._loading:
            self._load_index()

    def _load_index(self) -> None:
        names = self._store.names("index")
        self._index.load(*self._cache.load(names, self._read_index_files))

    def _read_index_files(self, names: Sequence[str]) -> Iterator[bytes]:
        return documents.read_many(self._store, self._sealer, "index", names)

    def _mend_index(self, broken: IndexFile) -> None:
        """Loads the index anew without a file that is broken, unless another thread has."""
        with self._loading:
            if self._index.file is broken:
                self._cache.broken(broken)
                self._load_index()

    def has(self, kind: BlobKind, blob_id: bytes) -> bool:
        """Whether the index names a blob."""
        return self._index.find(kind, blob_id) is not None

    def size_of(self, kind: BlobKind, blob_id: bytes) -> int | None:
        """How long a blob is, or None when the index does not name it."""
        place = self._index.find(kind, blob_id)
        if place is None:
            return None
        return place.uncompressed_length or place.length - OVERHEAD_BYTES

    def pack_of(self, kind: BlobKind, blob_id: bytes) -> bytes | None:
        """The id of a pack that holds a blob, or None when the index names none."""
        place = self._index.find(kind, blob_id)
        return None if place is None else place.pack_id

    def read_blob(self, kind: BlobKind, blob_id: bytes) -> bytes:
        """A blob, authentic and of the right hash. BlobMissing, RepositoryDamaged."""
        failure: BlobMissing | RepositoryDamaged | None = None
        for place in self._index.places(kind, blob_id):
            try:
                return self._read_at(place, blob_id)
            except (BlobMissing, RepositoryDamaged) as error:
                # It may be whole in another pack.
                failure = failure or error
        raise failure or BlobMissing(f"No pack holds the {kind.word} blob {blob_id.hex()[:16]}.")

    def _read_at(self, place: Place, blob_id: bytes) -> bytes:
        try:
            sealed = self._store.read_range(pack_name(place.pack_id), place.offset, place.length)
        except FileNotFoundError:
            raise BlobMissing(f"The pack {place.pack_id.hex()[:16]} is gone.") from None
        return open_blob(self._sealer, blob_id, sealed, place.uncompressed_length)

    def reader(self) -> BlobReader:
        """A reader of small blobs that were stored together; for one thread."""
        return BlobReader(self._store, self._sealer, self._index, self.read_blob)

    def writer(self) -> PackWriter:
        """A writer of blobs; close it."""
        return PackWriter(self._store, self._sealer, self._index, self._check_lock)

    @contextmanager
    def shared_lock(self) -> Iterator[None]:
        """Keeps others from removing data while it is held. RepositoryLocked."""
        with self._held(Lock(self._store, self._sealer)):
            yield

    @contextmanager
    def exclusive_lock(self) -> Iterator[None]:
        """Keeps all others out while it is held, as removing takes it. RepositoryLocked."""
        with self._held(Lock(self._store, self._sealer, exclusive=True)):
            yield

    @contextmanager
    def _held(self, lock: Lock) -> Iterator[None]:
        with lock as self._lock:
            try:
                yield
            finally:
                self._lock = None

    def _check_lock(self) -> None:
        """Whoever changes something while a lock is held relies on it; RepositoryLocked when it ran
        out."""
        if self._lock is not None:
            self._lock.check()

    def snapshots(self) -> list[Snapshot]:
        """All repository snapshots, oldest first."""
        found = []
        for name in self._store.names("snapshots"):
            # One may be forgotten while they are read.
            with suppress(FileNotFoundError):
                found.append(self._snapshot(name))
        return sorted(found, key=lambda snapshot: (snapshot.time_ns, snapshot.snapshot_id))

    def find_snapshot(self, name: str) -> Snapshot:
        """The newest for `latest`, else the one whose id begins so. SnapshotUnknown,
        SnapshotAmbiguous."""
        if NAME.fullmatch(name) and self._store.exists(f"snapshots/{name}"):
            return self._snapshot(name)
        return choose(self.snapshots(), name)

    def _snapshot(self, name: str) -> Snapshot:
        document = documents.load(self._store, self._sealer, "snapshots", name)
        return decode_snapshot(document, bytes.fromhex(name))

    def save_snapshot(self, snapshot: Snapshot) -> bytes:
        """Writes a snapshot durably; its id. All that it refers to must be durable before."""
        self._check_lock()
        return documents.save(self._store, self._sealer, "snapshots", encode_snapshot(snapshot))

    def remove_forsaken_locks(self) -> None:
        """Takes away the locks that nobody holds any more and that restic would wait for."""
        remove_dead(self._store, self._sealer, is_forsaken)

    def remove_snapshot(self, snapshot_id: bytes) -> None:
        """Removes a snapshot, while the exclusive lock is held; one that is gone is no error."""
        self._check_lock()
        self._store.remove(f"snapshots/{snapshot_id.hex()}")

    def packs(self) -> list[bytes]:
        """The ids of all packs: those that lie there and those that the index names."""
        return sorted(self.packs_there() | self._index.pack_ids())

    def packs_there(self) -> frozenset[bytes]:
        """The ids of the packs that lie there."""
        return frozenset(map(bytes.fromhex, self._store.names("data")))

    def damaged_files(self) -> Iterator[str]:
        """The key and index files that are not what their names say.

        All are read: sessions know the master key, and the index perhaps by the host's cache."""
        for kind in ("keys", "index"):
            for name in self._store.names(kind):
                # One may be replaced while they are read.
                with suppress(FileNotFoundError):
                    if not documents.is_whole(self._store, kind, name):
                        yield f"{kind}/{name}"

    def verify_pack(self, pack_id: bytes) -> PackReport:
        """Reads a whole pack and checks its name, its header, every blob, and the index."""
        return verify_pack(self._store, self._sealer, self._index, pack_id)


def identity_of(config: dict[str, Any]) -> str:
    """The repository's id; RepositoryDamaged when it is none."""
    if not NAME.fullmatch(identity := str(config.get("id", ""))):
        raise RepositoryDamaged("The config of the repository is damaged: its id is none.")
    return identity


def open_config(store: Store, password: bytes, master_key: bytes) -> tuple[Sealer, dict[str, Any]]:
    """What opens the repository, and its config. RepositoryDamaged when that is not as written."""
    sealed = store.read("config")
    if master_key:
        # Another repository may have been made where the known one was.
        with suppress(RepositoryDamaged):
            sealer = Sealer(MasterKey.of(master_key))
            return sealer, documents.parse(sealer.open(sealed), "config")
    sealer = Sealer(keys.open_key(store, password))
    try:
        return sealer, documents.parse(sealer.open(sealed), "config")
    except RepositoryDamaged as error:
        raise RepositoryDamaged(f"The config of the repository at {store} is damaged.") from error
