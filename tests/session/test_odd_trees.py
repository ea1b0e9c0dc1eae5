"""Trees that deny themselves, are lost, are very deep, or hold what is no file."""

import errno
import os
import random
import resource
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from backing import asset_node, back_up, copied, crawled
from commands import restic
from container_agent.repository.blobs import BlobKind
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
from container_agent.repository.trees import decode_tree
from container_agent.session.tally import Stopped, Tally
from container_agent.session.walking import SourceLost
from container_agent.storage.walk import OPEN_MAX
from meanwhile import copy_while, once, restored
from repositories import SECRET, reopen
from sluicegate.v1 import outcome_pb2, slice_pb2

DENIED = outcome_pb2.UNREAD_REASON_DENIED
MIB = 1 << 20
NOBODY = 65534


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A directory that anybody may enter."""
    with TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        yield Path(place)


@contextmanager
def as_nobody(*given: Path) -> Iterator[None]:
    """Runs as somebody who is not root and has what is given."""
    if os.geteuid() != 0:
        yield
        return
    for path in given:
        for place in (path, *path.rglob("*")):
            os.chown(place, NOBODY, NOBODY, follow_symlinks=False)
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def test_what_is_denied_is_listed_and_the_others_are_kept(
    tree: Path, location: Path, open_place: Path, tmp_path: Path
) -> None:
    source, target = open_place / "tree", open_place / "repository"
    shutil.copytree(tree, source)
    shutil.copytree(location, target)
    os.chmod(source / "a", 0)
    os.chmod(source / "d", 0o311)
    with as_nobody(source, target):
        done = back_up(bytes(source), reopen(target))
    os.chmod(source / "d", 0o755)
    assert done.unread() == {(b"a", DENIED), (b"d", DENIED)}
    sizes = restored(target, tmp_path, source)
    assert sorted(sizes) == [b"e/f/g", b"large", b"z"]
    assert "/d\n" in restic(target, "ls", "latest")


def test_a_root_that_is_denied_is_a_lost_source(
    tree: Path, location: Path, open_place: Path
) -> None:
    source, target = open_place / "tree", open_place / "repository"
    shutil.copytree(tree, source)
    shutil.copytree(location, target)
    os.chmod(source / "a", 0)
    os.chmod(source, 0o311)
    with as_nobody(source, target):
        repository = reopen(target)
        for root in (source, source / "a"):
            with pytest.raises(SourceLost, match=r"Permission denied.*; mount it or give access"):
                crawled(bytes(root), repository)
    os.chmod(source, 0o755)


def test_a_root_that_is_missing_is_a_lost_source(tmp_path: Path, repository: Repository) -> None:
    source = bytes(tmp_path / "missing")
    with pytest.raises(SourceLost, match="No such file"):
        crawled(source, repository)
    for start in (slice_pb2.Position(), slice_pb2.Position(path=b"d/e")):
        with pytest.raises(SourceLost, match="No such file"):
            copied(source, slice_pb2.Span(start=start), repository, Tally())


def test_a_root_that_vanishes_meanwhile_is_a_lost_source(
    tree: Path, repository: Repository
) -> None:
    with pytest.raises(SourceLost):
        copy_while(tree, repository, once(2, lambda: shutil.rmtree(tree)))


def test_a_copy_stops_when_it_is_told_to(tree: Path, repository: Repository) -> None:
    def stop(tally: Tally) -> None:
        if tally.files == 3:
            threading.Event.set(tally.stopping)

    with pytest.raises(Stopped):
        copy_while(tree, repository, stop)


def test_a_deep_tree_takes_few_descriptors(
    location: Path, repository: Repository, tmp_path: Path
) -> None:
    depth = OPEN_MAX * 2 + 10
    root = tmp_path / "deep"
    deepest = os.path.join(bytes(root), *[b"d"] * depth)
    os.makedirs(deepest)
    for level in range(depth):
        Path(os.path.join(os.fsdecode(root), *["d"] * level, "z")).write_bytes(b"%d" % level)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    # What earlier tests of this process have open is no matter of the walk's.
    open_already = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_already + OPEN_MAX + 100, before[1]))
    try:
        done = back_up(bytes(root), repository, slice_files=300)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert not done.unread()
    assert done.total("files") == depth
    assert len(restored(location, tmp_path, root)) == depth


def test_a_path_may_be_longer_than_a_system_call_takes(
    tmp_path: Path, repository: Repository
) -> None:
    name = "n" * 200
    at = os.open(tmp_path, os.O_RDONLY)
    os.mkdir("long", dir_fd=at)
    for below in ["long", *[name] * 25]:
        if below == name:
            os.mkdir(below, dir_fd=at)
        descriptor = os.open(below, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = descriptor
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.symlink("file", "link", dir_fd=at)
    os.close(at)
    done = back_up(bytes(tmp_path / "long"), repository, slice_files=3)
    assert not done.unread()
    assert (done.total("files"), done.total("others")) == (1, 1)


def test_pipes_sockets_and_devices_are_nodes(tmp_path: Path, repository: Repository) -> None:
    root = tmp_path / "special"
    root.mkdir()
    os.mkfifo(root / "pipe")
    expected = {b"pipe": "fifo", b"socket": "socket"}
    os.mknod(root / "socket", 0o600 | stat.S_IFSOCK)
    if os.geteuid() == 0:
        os.mknod(root / "null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        os.mknod(root / "loop", 0o600 | stat.S_IFBLK, os.makedev(7, 0))
        expected |= {b"null": "chardev", b"loop": "dev"}
    done = back_up(bytes(root), repository)
    subtree = asset_node(repository, done.snapshot_id, bytes(root)).subtree
    assert subtree is not None
    nodes = decode_tree(repository.read_blob(BlobKind.TREE, subtree))
    assert {node.name: node.type for node in nodes} == expected
    assert done.total("others") == len(expected)


class FailingStore(LocalStore):
    """Backup storage that has a fault whenever a pack is written."""

    def write(self, name: str, data: bytes) -> None:
        if name.startswith("data/"):
            raise OSError(errno.EIO, "backup storage has a fault")
        super().write(name, data)


@pytest.mark.parametrize("size", [5000, 60 * MIB])
def test_a_fault_of_backup_storage_is_not_taken_for_one_of_a_file(
    location: Path, tmp_path: Path, size: int
) -> None:
    file = tmp_path / "file"
    file.write_bytes(random.Random(1).randbytes(size))
    repository = Repository.open(FailingStore(str(location)), SECRET)
    tally = Tally()
    with pytest.raises(OSError, match="backup storage has a fault"):
        copied(bytes(file), slice_pb2.Span(start=slice_pb2.Position()), repository, tally)
    assert not tally.unread
