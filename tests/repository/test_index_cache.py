"""One index file for all sessions of a host, and none where there can be none: always the same
answers."""

import fcntl
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from commands import run
from container_agent.repository import index_cache
from container_agent.repository.blobs import BlobKind, Place
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
from indexes import name_in_index, opened, places_in, some_packs
from repositories import SECRET, put

INDEXES = 6
PACKS = [some_packs(seed) for seed in range(INDEXES)]
BLOBS = places_in(*PACKS)


class CountedStore(LocalStore):
    """A directory that notes which index files are read."""

    def __init__(self, location: Path) -> None:
        super().__init__(str(location))
        self.reads: Counter[str] = Counter()

    def read(self, name: str) -> bytes:
        if name.startswith("index/"):
            self.reads[name] += 1
        return super().read(name)


@pytest.fixture
def location(location: Path) -> Path:
    """A repository with six index files."""
    for packs in PACKS:
        name_in_index(location, packs)
    return location


@pytest.fixture
def store(location: Path) -> CountedStore:
    return CountedStore(location)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three index files are worth a file, whatever they hold."""
    monkeypatch.setattr(index_cache, "NAMES_MAX", 2)


def places(repository: Repository, blobs=BLOBS) -> dict[tuple[BlobKind, bytes], set[Place]]:
    """What the index says of blobs."""
    return {blob: set(repository._index.places(*blob)) for blob in blobs}


def file_of(cache: Path) -> Path:
    [file] = cache.glob("*/index")
    return file


def test_it_is_made_once_and_then_only_mapped(store, cache):
    first = opened(store, cache)
    assert places(first) == BLOBS
    assert set(store.reads.values()) == {1} and len(store.reads) == INDEXES
    assert file_of(cache).parent.name == first.id
    second = opened(store, cache)
    assert places(second) == BLOBS
    assert second._index.file is not None
    assert store.reads.total() == INDEXES
    assert second.packs() == sorted(pack for packs in PACKS for pack in packs)


def test_only_its_user_may_look_into_it(store, cache):
    opened(store, cache)
    for path in (cache, *cache.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0


def test_a_small_repository_needs_none(store, cache, monkeypatch):
    monkeypatch.setattr(index_cache, "NAMES_MAX", INDEXES)
    assert places(opened(store, cache)) == BLOBS
    assert not cache.exists()
    monkeypatch.setattr(index_cache, "ROWS_MAX", len(BLOBS) - 1)
    assert places(opened(store, cache)) == BLOBS
    assert file_of(cache)


def test_many_blobs_in_few_index_files_are_worth_one(store, cache, monkeypatch):
    monkeypatch.setattr(index_cache, "NAMES_MAX", INDEXES)
    monkeypatch.setattr(index_cache, "ROWS_MAX", 300)
    assert opened(store, cache)._index.file is not None


def test_sessions_that_come_at_once_make_one_and_wait_for_it(location, cache):
    stores = [CountedStore(location) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        repositories = list(threads.map(lambda store: opened(store, cache), stores))
    assert all(places(repository) == BLOBS for repository in repositories)
    assert sum((store.reads for store in stores), Counter()).total() == INDEXES
    assert len({r._index.file.status.st_ino for r in repositories}) == 1


def test_what_came_since_lies_beside_it_until_it_is_much(location, store, cache):
    opened(store, cache)
    inode = file_of(cache).stat().st_ino
    more = [some_packs(seed) for seed in (100, 101, 102)]
    for packs in more[:2]:
        name_in_index(location, packs)
    store.reads.clear()
    expected = places_in(*PACKS, *more[:2])
    beside = opened(store, cache)
    assert places(beside, expected) == expected
    assert store.reads.total() == 2 and file_of(cache).stat().st_ino == inode
    name_in_index(location, more[2])
    store.reads.clear()
    expected = places_in(*PACKS, *more)
    merged = opened(store, cache)
    assert places(merged, expected) == expected
    # What was in the file is taken from it.
    assert store.reads.total() == 3 and file_of(cache).stat().st_ino != inode
    # Who has the old one goes on with it.
    assert places(beside) == BLOBS
    assert set(merged.packs()) == {pack for packs in PACKS + more for pack in packs}


def test_what_a_prune_took_away_is_not_found(location, store, cache):
    opened(store, cache)
    [name, *_] = store.names("index")
    (location / "index" / name).unlink()
    left, other = opened(store, cache), opened(LocalStore(str(location)), None)
    assert places(left) == places(other) != BLOBS


def test_a_session_that_looks_again_finds_what_others_and_itself_have_written(store, cache):
    one, two = opened(store, cache), opened(store, cache)
    writers = [one.writer(), two.writer()]
    ids = [put(writer, BlobKind.DATA, b"%d" % n) for n, writer in enumerate(writers)]
    for writer in writers:
        writer.flush()
        writer.close()
    assert not one.has(BlobKind.DATA, ids[1])
    one.load_index()
    assert [one.read_blob(BlobKind.DATA, blob_id) for blob_id in ids] == [b"0", b"1"]


def test_a_flipped_byte_anywhere_becomes_no_wrong_answer(store, cache):
    opened(store, cache)
    chance = random.Random(1)
    for _ in range(60):
        file = file_of(cache)
        whole = bytearray(file.read_bytes())
        whole[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        file.chmod(0o600)
        file.write_bytes(whole)
        repository = opened(store, cache)
        assert places(repository) == BLOBS
        assert len(repository.packs()) == len({p for packs in PACKS for p in packs})
        # It was made anew, for those who come after.
        store.reads.clear()
        assert places(opened(store, cache)) == BLOBS and not store.reads


def test_one_that_breaks_while_it_is_mapped_is_made_anew_and_at_last_left_alone(store, cache):
    repository = opened(store, cache)
    for breaks in range(1, index_cache.BREAKS_MAX + 1):
        file = file_of(cache)
        file.chmod(0o600)
        with file.open("r+b") as changed:
            # The rows; who mapped it before sees the change.
            changed.seek(2048)
            changed.write(bytes(4096))
        assert places(repository) == BLOBS
        assert (repository._index.file is None) == (breaks == index_cache.BREAKS_MAX)
        repository.load_index()


@pytest.mark.parametrize("wrong", [b"", b"short", bytes(100_000)])
def test_what_is_no_index_file_is_made_anew(store, cache, wrong):
    opened(store, cache)
    file = file_of(cache)
    file.unlink()
    file.write_bytes(wrong)
    assert places(opened(store, cache)) == BLOBS
    assert file.read_bytes() != wrong


def test_the_file_of_another_repository_is_not_believed(store, cache, tmp_path):
    ours = opened(store, cache)
    other_store = LocalStore(str(tmp_path / "other"))
    Repository.create(other_store, SECRET)
    for packs in PACKS:
        name_in_index(tmp_path / "other", packs)
    theirs = opened(other_store, cache)
    # Even where it lies in the place of the other's.
    (cache / ours.id / "index").replace(cache / theirs.id / "index")
    assert places(opened(other_store, cache)) == BLOBS
    assert places(opened(store, cache)) == BLOBS


# It gets this far and no further: the parent kills it there.
MAKER = """
import sys
from pathlib import Path
from container_agent.repository import index_cache, index_making
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore

def stop(*_):
    print("here", flush=True)
    sys.stdin.read()

location, password, cache, where = sys.argv[1:]
index_cache.NAMES_MAX = 2
if where == "while it reads":
    sixth = []
    class Store(LocalStore):
        def read(self, name):
            if name.startswith("index/"):
                sixth.append(name)
                if len(sixth) == 6:
                    stop()
            return super().read(name)
else:
    Store = LocalStore
if where == "while it writes":
    index_making.SPILL_BYTES = 1
    index_making.IndexFileWriter.finish = stop
if where == "before it has its name":
    index_making.Path.rename = stop
repository = Repository.open(Store(location), password.encode(), cache=Path(cache))
repository.load_index()
"""


@pytest.mark.parametrize("where", ["while it reads", "while it writes", "before it has its name"])
def test_a_maker_that_is_killed_leaves_nothing_that_counts(location, store, cache, where):
    maker = subprocess.Popen(
        [sys.executable, "-c", MAKER, location, SECRET.decode(), cache, where],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert maker.stdout.readline() == b"here\n"
        assert list(cache.glob("*/index")) == []
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(opened, store, cache)
            with pytest.raises(TimeoutError):
                waiting.result(0.3)
            maker.send_signal(signal.SIGKILL)
            assert places(waiting.result(30)) == BLOBS
    finally:
        maker.kill()
        maker.communicate()
    assert sorted(path.name for path in cache.glob("*/*")) == ["index", "lock"]


def test_who_waits_for_another_too_long_has_it_in_memory(store, cache, monkeypatch, caplog):
    monkeypatch.setattr(index_cache, "WAIT_SECONDS", 0.2)
    directory = cache / opened(store, None).id
    directory.mkdir(parents=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        repository = opened(store, cache)
    assert places(repository) == BLOBS and repository._index.file is None
    assert "another has been making it for 0.2 s" in caplog.text


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system that is soon full."""
    mount = tmp_path / "tiny"
    mount.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", mount)
    yield mount
    run("umount", mount)


def test_a_full_cache_means_in_memory(store, tiny, caplog):
    repository = opened(store, tiny)
    assert places(repository) == BLOBS and repository._index.file is None
    assert "No space left on device" in caplog.text
    assert [path.name for path in tiny.glob("*/*")] == ["lock"]


def test_no_cache_and_one_that_cannot_be_means_in_memory(store, tmp_path, caplog):
    (tmp_path / "file").write_text("no directory")
    for cache in (None, tmp_path / "file", Path("/proc/cache")):
        repository = opened(store, cache)
        assert places(repository) == BLOBS and repository._index.file is None
    assert "Not a directory" in caplog.text


def test_one_that_cannot_be_written_is_used_as_long_as_it_fits(location, store, cache):
    opened(store, cache)
    run("mount", "--bind", cache, cache)
    try:
        run("mount", "-o", "remount,ro,bind", cache)
        fitting = opened(store, cache)
        assert places(fitting) == BLOBS and fitting._index.file is not None
        for seed in (100, 101, 102):
            name_in_index(location, some_packs(seed))
        beyond = opened(store, cache)
        assert places(beyond) == BLOBS and beyond._index.file is None
    finally:
        # What is mapped keeps a file system busy.
        run("umount", "--lazy", cache)


def test_what_nobody_has_opened_for_a_month_is_removed(store, cache):
    month_ago = time.time() - index_cache.UNUSED_SECONDS
    for name, used in (("old", month_ago - 60), ("young", month_ago + 3600)):
        (cache / name).mkdir(parents=True)
        (cache / name / "index").touch()
        os.utime(cache / name / "index", (used, used))
    repository = opened(store, cache)
    assert {path.parent.name for path in cache.glob("*/index")} == {"young", repository.id}
    os.utime(cache / repository.id / "index", (month_ago, month_ago))
    opened(store, cache)
    assert (cache / repository.id / "index").stat().st_mtime > month_ago + 60


def test_storage_that_fails_while_it_is_made_is_said_and_not_hidden(location, cache):
    class Away(LocalStore):
        def read(self, name: str) -> bytes:
            if name.startswith("index/"):
                raise OSError("storage is away")
            return super().read(name)

    with pytest.raises(OSError, match="storage is away"):
        opened(Away(str(location)), cache)
    assert [path.name for path in cache.glob("*/*")] == ["lock"]
