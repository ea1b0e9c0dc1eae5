"""What every store promises, asked of each."""

import hashlib
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from container_agent.repository.errors import (
    RepositoryDamaged,
    RepositoryExists,
    RepositoryLocked,
)
from container_agent.repository.locations import store_at
from container_agent.repository.repository import Repository
from container_agent.repository.stores import KINDS, Store

SECRET = b"correct horse"
MISSING = "data/" + "0" * 64


def name_of(data: bytes, kind: str = "data") -> str:
    return f"{kind}/{hashlib.sha256(data).hexdigest()}"


class StoreContract:
    """A suite that each store's class below runs; `store` is an empty, created one."""

    def test_a_file_is_read_as_it_was_written(self, store: Store):
        data = random.Random(1).randbytes(3 << 20)
        store.write(name_of(data), [data[:7], b"", data[7:]])
        store.write("index/" + "1" * 64, b"")
        assert store.read(name_of(data)) == data
        assert store.read("index/" + "1" * 64) == b""
        assert store.exists(name_of(data)) and store.exists("index/" + "1" * 64)

    def test_a_part_is_read_and_what_follows_as_far_as_there_is_some(self, store: Store):
        data = random.Random(2).randbytes(5000)
        store.write(name_of(data), data)
        assert store.read_range(name_of(data), 10, 100) == data[10:110]
        assert store.read_range(name_of(data), 10, 100, 200) == data[10:310]
        assert store.read_range(name_of(data), 4900, 50, 200) == data[4900:]
        for offset in (4900, 6000):
            with pytest.raises(RepositoryDamaged, match="too short"):
                store.read_range(name_of(data), offset, 101)

    def test_what_is_not_there_is_not_found(self, store: Store):
        assert not store.exists(MISSING)
        with pytest.raises(FileNotFoundError):
            store.read(MISSING)
        with pytest.raises(FileNotFoundError):
            store.read_range(MISSING, 0, 1)

    def test_a_name_may_be_written_again_unless_it_must_be_new(self, store: Store):
        for _ in range(2):
            store.write(name_of(b"data"), b"data")
        store.write("config", b"one", new=True)
        with pytest.raises(FileExistsError):
            store.write("config", b"two", new=True)
        assert store.read("config") == b"one"

    def test_removing_twice_is_removing_once(self, store: Store):
        store.write(name_of(b"data"), b"data")
        for _ in range(2):
            store.remove(name_of(b"data"))
        assert not store.exists(name_of(b"data"))
        store.write(name_of(b"data"), b"data")
        assert store.exists(name_of(b"data"))

    def test_names_are_those_of_the_kind_in_order(self, store: Store):
        store.write("config", b"config")
        assert [store.names(kind) for kind in KINDS] == [[]] * len(KINDS)
        written = {kind: [name_of(b"%d" % n, kind) for n in range(20)] for kind in KINDS}
        for names in written.values():
            for name in names:
                store.write(name, b"x")
        store.write("snapshots/README", b"no snapshot")
        for kind, names in written.items():
            assert [f"{kind}/{name}" for name in store.names(kind)] == sorted(names)

    def test_it_is_for_any_thread(self, store: Store):
        packs = [random.Random(n).randbytes(50_000) for n in range(16)]
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda data: store.write(name_of(data), data), packs))
            assert list(threads.map(lambda data: store.read(name_of(data)), packs)) == packs

    def test_a_repository_is_made_once_and_nowhere_else(self, store: Store):
        Repository.create(store, SECRET)
        with pytest.raises(RepositoryExists, match="already"):
            Repository.create(store, SECRET)
        assert Repository.open(store, SECRET).snapshots() == []

    def test_what_is_locked_exclusively_is_not_written(self, store: Store, lock_exclusively):
        Repository.create(store, SECRET)
        repository = Repository.open(store, SECRET)
        with repository.shared_lock():
            assert len(store.names("locks")) == 1
        assert store.names("locks") == []
        lock_exclusively(store, repository)
        with pytest.raises(RepositoryLocked, match="elsewhere"), repository.shared_lock():
            pass
        assert len(store.names("locks")) == 1


@pytest.fixture
def lock_exclusively() -> Callable[[Store, Repository], None]:
    """A prune on another host."""

    def lock(store: Store, repository: Repository) -> None:
        import time

        from container_agent.repository import documents
        from container_agent.repository.times import format_time

        now = format_time(time.time_ns())
        held = {"time": now, "exclusive": True, "hostname": "elsewhere", "pid": 1}
        documents.save(store, repository._sealer, "locks", held)

    return lock


class TestLocalStore(StoreContract):
    """A directory."""

    @pytest.fixture
    def store(self, tmp_path) -> Store:
        store = store_at(str(tmp_path / "repository"))
        store.create()
        return store


class TestObjectStore(StoreContract):
    """A bucket."""

    @pytest.fixture
    def store(self, location: str) -> Store:
        store = store_at(location, budget_seconds=20.0)
        store.create()
        return store

    def test_lists_of_many_pages_are_whole(self, store: Store):
        names = sorted(name_of(b"%d" % number, "index") for number in range(1203))
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda name: store.write(name, b"x"), names))
        assert [f"index/{name}" for name in store.names("index")] == names

    def test_packs_at_odd_places_are_passed_over(self, store: Store):
        for odd in ("data/00/deeper", "snapshots/deeper"):
            store._writing.put(f"{odd}/{'a' * 64}", b"x")
        store._writing.put(f"data/ff/{'a' * 64}", b"x")
        assert store.names("data") == store.names("snapshots") == []

    def test_a_place_with_other_things_in_it_is_not_taken(self, store: Store, location: str):
        store._writing.put("letters/mine", b"x")
        with pytest.raises(RepositoryExists, match="not empty"):
            Repository.create(store, SECRET)
        assert store.names("keys") == []
        Repository.create(store_at(f"{location}/beside"), SECRET)
