"""A file of the repository is whole and durable or not there, whatever befalls its writer."""

import errno
import hashlib
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from commands import PASSWORD, check_repository, restic
from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import (
    RepositoryDamaged,
    RepositoryExists,
    RepositoryMissing,
)
from container_agent.repository.files import TEMPORARY
from container_agent.repository.repository import Repository
from container_agent.repository.stores import KINDS, LocalStore
from repositories import SECRET, put, reopen

# Writes until it is killed.
WRITER = """
import hashlib, random, sys
from container_agent.repository.blobs import BlobKind
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
repository = Repository.open(LocalStore(sys.argv[1]), sys.argv[2].encode())
repository.load_index()
writer = repository.writer()
rng = random.Random(sys.argv[3])
print("ready", flush=True)
while True:
    for _ in range(20):
        data = rng.randbytes(1 << 18)
        writer.put(BlobKind.DATA, hashlib.sha256(data).digest(), data)
    writer.flush()
"""


@pytest.fixture
def store(location: Path) -> LocalStore:
    return LocalStore(str(location))


def name_of(data: bytes, kind: str = "data") -> str:
    return f"{kind}/{hashlib.sha256(data).hexdigest()}"


def test_a_file_is_synced_before_it_has_its_name_and_the_name_after(store, location, monkeypatch):
    done = []
    sync, rename = os.fsync, os.rename

    def noted_sync(descriptor: int) -> None:
        done.append(("sync", os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))[:15]))
        sync(descriptor)

    def noted_rename(source, target) -> None:
        done.append(("rename", os.path.basename(source)[:15]))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "rename", noted_rename)
    name = name_of(b"data")
    store.write(name, b"data")
    assert done == [("sync", TEMPORARY), ("rename", TEMPORARY), ("sync", name[5:7])]
    assert store.read(name) == b"data"


@pytest.mark.parametrize("fault", [errno.EINVAL, errno.EIO])
def test_a_share_need_not_sync_directories_but_may_not_fail_to(store, monkeypatch, fault: int):
    sync = os.fsync

    def sync_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(fault, os.strerror(fault))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", sync_files)
    if fault == errno.EIO:
        with pytest.raises(OSError, match="Input/output"):
            store.write(name_of(b"data"), b"data")
    else:
        store.write(name_of(b"data"), b"data")
        assert store.read(name_of(b"data")) == b"data"


def test_where_no_links_can_be_made_a_config_is_still_not_overwritten(store, monkeypatch):
    def link(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", link)
    store.write("new", b"one", new=True)
    with pytest.raises(FileExistsError):
        store.write("new", b"two", new=True)
    assert store.read("new") == b"one"


@pytest.mark.parametrize("seed", range(3))
def test_a_writer_that_is_killed_leaves_a_repository_that_is_whole(location: Path, seed: int):
    command = [sys.executable, "-c", WRITER, str(location), PASSWORD, str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(PYTHONPATH=paths())) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        until_written(location)
        time.sleep(random.Random(seed).random() / 4)
        writer.send_signal(signal.SIGKILL)
    for kind in ("data", "index"):
        for name in LocalStore(str(location)).names(kind):
            part = name[:2] if kind == "data" else ""
            assert hashlib.sha256((location / kind / part / name).read_bytes()).hexdigest() == name
    check_repository(location)
    repository = reopen(location)
    assert not any(repository.verify_pack(pack).errors for pack in repository._index.pack_ids())


def paths() -> str:
    return os.pathsep.join(sys.path)


def until_written(location: Path, seconds: float = 30.0) -> None:
    """Waits until the first index names something."""
    deadline = time.monotonic() + seconds
    while not LocalStore(str(location)).names("index"):
        assert time.monotonic() < deadline, "nothing was written"
        time.sleep(0.01)


def test_a_system_that_takes_few_bytes_at_a_time_loses_none(store, monkeypatch):
    write, writev = os.write, os.writev
    monkeypatch.setattr(os, "write", lambda f, data: write(f, bytes(data)[:7]))
    monkeypatch.setattr(os, "writev", lambda f, parts: writev(f, [b"".join(parts)[:11]]))
    parts = [bytes([number]) * number for number in range(30)]
    store.write("data/" + "0" * 64, parts)
    monkeypatch.undo()
    assert store.read("data/" + "0" * 64) == b"".join(parts)


def test_a_share_that_gives_few_bytes_at_a_time_loses_none(store, monkeypatch):
    data, read = random.Random(1).randbytes(5000), os.pread
    store.write(name_of(data), data)
    monkeypatch.setattr(os, "pread", lambda f, length, offset: read(f, min(length, 999), offset))
    assert store.read_range(name_of(data), 10, 4000) == data[10:4010]
    with pytest.raises(RepositoryDamaged, match="too short"):
        store.read_range(name_of(data), 10, 5000)


def test_what_is_not_the_repositorys_is_passed_over(location: Path):
    stray = ("index/.DS_Store", "data/lost+found", "locks/README", f"data/00/{TEMPORARY}12")
    for name in stray:
        (location / name).write_bytes(b"?")
    repository = reopen(location)
    assert repository.packs() == []
    with repository.shared_lock():
        assert repository.snapshots() == []
    check_repository(location)


def test_empty_directories_that_a_copier_left_out_are_made_again(location: Path):
    for kind in set(KINDS) - {"keys"}:
        shutil.rmtree(location / kind)
    repository = reopen(location)
    with repository.shared_lock():
        writer = repository.writer()
        put(writer, BlobKind.DATA, b"data")
        writer.flush()
        writer.close()
    assert repository.snapshots() == []
    check_repository(location)


def test_nothing_is_written_where_backup_storage_was_mounted_before(location: Path, store):
    repository = reopen(location)
    shutil.rmtree(location)
    location.mkdir()
    with pytest.raises(RepositoryMissing, match="mounted"):
        repository.load_index()
    with pytest.raises(FileNotFoundError):
        store.write(name_of(b"data"), b"data")
    assert list(location.iterdir()) == []


def test_a_file_is_no_place_for_a_repository(tmp_path: Path):
    (tmp_path / "letter").write_text("mine")
    for place in ("letter", "letter/below"):
        with pytest.raises(RepositoryExists, match="leads to a file"):
            Repository.create(LocalStore(str(tmp_path / place)), SECRET)
    assert (tmp_path / "letter").read_text() == "mine"


def test_what_an_interrupted_init_left_is_told_apart(location: Path):
    (location / "config").unlink()
    with pytest.raises(RepositoryExists, match="never finished"):
        Repository.create(LocalStore(str(location)), SECRET)


def test_of_two_that_make_a_repository_at_once_one_does(tmp_path: Path):
    def create(number: int) -> bytes | None:
        password = b"%d" % number
        try:
            Repository.create(LocalStore(str(tmp_path / "r")), password)
        except RepositoryExists:
            return None
        return password

    with ThreadPoolExecutor(4) as threads:
        made = [password for password in threads.map(create, range(4)) if password]
    assert len(made) == 1
    Repository.open(LocalStore(str(tmp_path / "r")), made[0])


def test_a_pack_lies_where_restic_puts_it(location: Path, tmp_path: Path):
    (tmp_path / "file").write_bytes(b"by restic")
    restic(location, "backup", tmp_path / "file")
    for pack in reopen(location).packs():
        assert (location / "data" / pack.hex()[:2] / pack.hex()).exists()
