"""The index: where each blob lies, as the repository's index files tell it."""

import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from container_agent.repository.blobs import BlobKind, Place
from container_agent.repository.index_documents import WrittenPack
from container_agent.repository.index_file import IndexFile, IndexFileBroken, ids_in
from container_agent.repository.index_table import ROW, Table, TableBuilder, key_of

# What was added takes several times the room of a row until it becomes one.
ADDED_MIN = 20_000
ADDED_PART = 8

T = TypeVar("T")


class State(NamedTuple):
    """The parts of an index, which change together: the file that this host's sessions share, if
    there is one; what further index files name; and what this session has added."""

    file: IndexFile | None
    table: Table
    added: dict[bytes, Place]

    def find(self, kind: BlobKind, blob_id: bytes) -> Place | None:
        """Where a blob lies, or None."""
        file, table, added = self
        key = key_of(kind, blob_id)
        if added and (place := added.get(key)) is not None:
            return place
        place = table.find(key)
        return file.find(kind, blob_id) if place is None and file is not None else place

    def places(self, kind: BlobKind, blob_id: bytes) -> list[Place]:
        """Every place of a blob, the newest first."""
        key = key_of(kind, blob_id)
        added = self.added.get(key)
        newest = [] if added is None else [added]
        oldest = [] if self.file is None else self.file.find_all(kind, blob_id)
        return newest + self.table.find_all(key) + oldest

    def pack_ids(self) -> frozenset[bytes]:
        """Every pack that is named."""
        added = frozenset(place.pack_id for place in self.added.copy().values())
        return added.union(
            self.table.packs, () if self.file is None else ids_in(self.file.pack_ids())
        )


class Index:
    """All blobs that the repository's indexes name, and those that this session has added.

    About 50 bytes a blob, and of those in the file none. Several threads may look things up while
    others add. `mend` is told of a file that turns out to be broken, and loads anew without it; no
    answer is drawn from what is broken.
    """

    def __init__(self, mend: Callable[[IndexFile], None]) -> None:
        self._state = State(None, TableBuilder().build(), {})
        self._mend = mend
        self._changing = threading.Lock()

    @property
    def file(self) -> IndexFile | None:
        """The file that is shared."""
        return self._state.file

    def load(self, file: IndexFile | None, table: Table) -> None:
        """Takes in anew what the index files name. What was added stays."""
        with self._changing:
            state = State(file, table, {})
            for key, place in self._state.added.items():
                if state.table.find(key) is None:
                    state.added[key] = place
            self._state = state

    def find(self, kind: BlobKind, blob_id: bytes) -> Place | None:
        """Where a blob lies, or None."""
        return self._look(lambda state: state.find(kind, blob_id))

    def places(self, kind: BlobKind, blob_id: bytes) -> list[Place]:
        """Every place where a blob lies; two sessions may have stored it at once."""
        return self._look(lambda state: state.places(kind, blob_id))

    def pack_ids(self) -> frozenset[bytes]:
        """Every pack that is named."""
        return self._look(State.pack_ids)

    def _look(self, look: Callable[[State], T]) -> T:
        while True:
            state = self._state
            try:
                return look(state)
            except IndexFileBroken:
                assert state.file is not None
                self._mend(state.file)

    def add(self, packs: Iterable[WrittenPack]) -> None:
        """Takes in packs that have just been written and named."""
        with self._changing:
            file, table, added = self._state
            for pack_id, blobs in packs:
                for blob in blobs:
                    place = Place(pack_id, blob.offset, blob.length, blob.uncompressed_length)
                    added[key_of(blob.kind, blob.blob_id)] = place
            if len(added) > max(ADDED_MIN, len(table) // ADDED_PART):
                self._state = State(file, merged(table, added), {})


def merged(table: Table, added: dict[bytes, Place]) -> Table:
    """A table with the rows of both."""
    builder = TableBuilder(table)
    builder.add_rows(
        ROW.pack(key[:-1], key[-1], builder.number_of(place.pack_id), *place[1:])
        for key, place in added.items()
    )
    return builder.build()
