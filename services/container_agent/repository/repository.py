"""A restic repository of version 2, as a whole."""

import json
import secrets
from contextlib import AbstractContextManager

from container_agent.repository import documents, keys, locks
from container_agent.repository.blobs import BlobKind
from container_agent.repository.crypto import MasterKey, Sealer
from container_agent.repository.errors import (
    BlobMissing,
    RepositoryDamaged,
    RepositoryExists,
    RepositoryMissing,
    RepositoryVersion,
)
from container_agent.repository.index import Index
from container_agent.repository.packs import open_blob
from container_agent.repository.polynomials import random_polynomial
from container_agent.repository.snapshots import Snapshot, choose, decode_snapshot, encode_snapshot
from container_agent.repository.stores import Store
from container_agent.repository.verification import PackReport, verify_pack
from container_agent.repository.writer import PackWriter

VERSION = 2
SNAPSHOT_ID_DIGITS = 64


class Repository:
    """An open repository. Reading is for any thread."""

    def __init__(self, store: Store, sealer: Sealer, repository_id: str) -> None:
        self.id = repository_id
        self._store = store
        self._sealer = sealer
        self._index = Index()

    @classmethod
    def create(cls, store: Store, password: bytes) -> None:
        """Makes a new repository. RepositoryExists where one, or anything else, lies already."""
        store.create()
        if store.names("keys"):
            raise RepositoryExists(f"A repository lies at {store} already.")
        sealer = Sealer(keys.create_key(store, password))
        config = {
            "version": VERSION,
            "id": secrets.token_hex(32),
            "chunker_polynomial": f"{random_polynomial():x}",
        }
        # The config comes last: what has one is a whole repository.
        store.write("config", sealer.seal(json.dumps(config).encode()))

    @classmethod
    def open(cls, store: Store, password: bytes, master_key: bytes = b"") -> "Repository":
        """Opens it, by its master key where that is known, else by the password.

        RepositoryMissing, WrongPassword, or RepositoryVersion for any but 2.
        """
        if not store.exists("config"):
            raise RepositoryMissing(
                f"No repository lies at {store}; make one with `sluicegate init`."
            )
        sealed = store.read("config")
        sealer = Sealer(MasterKey.of(master_key) if master_key else keys.open_key(store, password))
        try:
            opened = sealer.open(sealed)
        except RepositoryDamaged:
            # Another repository may have been made where the known one was.
            sealer = Sealer(keys.open_key(store, password))
            opened = sealer.open(sealed)
        config = documents.parse(opened, "config")
        if config.get("version") != VERSION:
            raise RepositoryVersion(
                f"The repository at {store} is of version {config.get('version')}; Sluicegate "
                f"works with version 2. `restic migrate upgrade_repo_v2` brings version 1 there."
            )
        return cls(store, sealer, config["id"])

    def load_index(self) -> None:
        """Reads what the repository's index files name now."""
        names = self._store.names("index")
        self._index.load(documents.load(self._store, self._sealer, "index", n) for n in names)

    def has(self, kind: BlobKind, blob_id: bytes) -> bool:
        """Whether the index names a blob."""
        return self._index.find(kind, blob_id) is not None

    def size_of(self, kind: BlobKind, blob_id: bytes) -> int | None:
        """How long a blob is, or None when the index does not name it."""
        place = self._index.find(kind, blob_id)
        if place is None:
            return None
        return place.uncompressed_length or place.length - 32

    def pack_of(self, kind: BlobKind, blob_id: bytes) -> bytes | None:
        """The id of a pack that holds a blob, or None when the index names none."""
        place = self._index.find(kind, blob_id)
        return None if place is None else place.pack_id

    def read_blob(self, kind: BlobKind, blob_id: bytes) -> bytes:
        """A blob, authentic and of the right hash. BlobMissing, RepositoryDamaged."""
        place = self._index.find(kind, blob_id)
        if place is None:
            raise BlobMissing(f"No pack holds the {kind.word} blob {blob_id.hex()[:16]}.")
        try:
            sealed = self._store.read_range(
                f"data/{place.pack_id.hex()}", place.offset, place.length
            )
        except FileNotFoundError:
            raise BlobMissing(f"The pack {place.pack_id.hex()[:16]} is gone.") from None
        return open_blob(self._sealer, blob_id, sealed, place.uncompressed_length)

    def writer(self) -> PackWriter:
        """A writer of blobs; close it."""
        return PackWriter(self._store, self._sealer, self._index)

    def shared_lock(self) -> AbstractContextManager[None]:
        """Keeps others from removing data while it is held. RepositoryLocked."""
        return locks.shared_lock(self._store, self._sealer)

    def snapshots(self) -> list[Snapshot]:
        """All repository snapshots, oldest first."""
        found = map(self._snapshot, self._store.names("snapshots"))
        return sorted(found, key=lambda snapshot: (snapshot.time_ns, snapshot.snapshot_id))

    def find_snapshot(self, name: str) -> Snapshot:
        """The newest for `latest`, else the one whose id begins so. SnapshotUnknown,
        SnapshotAmbiguous."""
        if len(name) == SNAPSHOT_ID_DIGITS and self._store.exists(f"snapshots/{name}"):
            return self._snapshot(name)
        return choose(self.snapshots(), name)

    def _snapshot(self, name: str) -> Snapshot:
        document = documents.load(self._store, self._sealer, "snapshots", name)
        return decode_snapshot(document, bytes.fromhex(name))

    def save_snapshot(self, snapshot: Snapshot) -> bytes:
        """Writes a snapshot durably; its id. All that it refers to must be durable before."""
        return documents.save(self._store, self._sealer, "snapshots", encode_snapshot(snapshot))

    def packs(self) -> list[bytes]:
        """The ids of all packs: those that lie there and those that the index names."""
        there = frozenset(map(bytes.fromhex, self._store.names("data")))
        return sorted(there | self._index.pack_ids())

    def verify_pack(self, pack_id: bytes) -> PackReport:
        """Reads a whole pack and checks its name, its header, every blob, and the index."""
        return verify_pack(self._store, self._sealer, self._index, pack_id)
