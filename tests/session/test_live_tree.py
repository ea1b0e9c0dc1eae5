"""Trees that change or deny themselves while they are backed up: what cannot be read is listed."""

import errno
import os
import random
import resource
import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from backing import asset_node, back_up, copied, crawled, sealed
from commands import restic
from compare import describe
from container_agent.repository.blobs import BlobKind
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
from container_agent.repository.trees import decode_tree
from container_agent.session.tally import Stopped, Tally
from container_agent.session.walking import SourceLost
from container_agent.storage.walk import OPEN_MAX
from repositories import SECRET, reopen
from sluicegate.v1 import outcome_pb2, slice_pb2
from trees import write_file

DENIED = outcome_pb2.UNREAD_REASON_DENIED
VANISHED = outcome_pb2.UNREAD_REASON_VANISHED
CHANGED = outcome_pb2.UNREAD_REASON_CHANGED
SLICE_FAILED = outcome_pb2.UNREAD_REASON_SLICE_FAILED
MIB = 1 << 20
NOBODY = 65534


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree: a, d/x, d/y, e/f/g, large, z."""
    root = tmp_path / "tree"
    (root / "d").mkdir(parents=True)
    (root / "e" / "f").mkdir(parents=True)
    for name in ("a", "d/x", "d/y", "e/f/g", "z"):
        write_file(bytes(root / name), 2000, len(name))
    write_file(bytes(root / "large"), 3 * MIB + 100, 5)
    return root


def restored(location: Path, tmp_path: Path, tree: Path) -> dict[bytes, int]:
    """The sizes of all files that restic brings back from a repository that it finds sound."""
    restic(location, "check", "--read-data")
    restic(location, "restore", "latest", "--target", tmp_path / "out")
    entries = describe(str(tmp_path / "out") + str(tree))
    return {path: e.size for path, e in entries.items() if stat.S_ISREG(e.kind)}


class Meanwhile(threading.Event):
    """Does something to the tree whenever a copy looks whether it must stop: between any two
    entries, and between the blobs of a large file."""

    def __init__(self, act: Callable[[Tally], None]) -> None:
        super().__init__()
        self.tally = Tally(stopping=self)
        self._act = act

    def is_set(self) -> bool:
        self._act(self.tally)
        return super().is_set()


def copy_while(tree: Path, repository: Repository, act: Callable[[Tally], None]) -> Tally:
    """Copies the tree as one slice and seals it, while something happens."""
    tally = Meanwhile(act).tally
    span = slice_pb2.Span(start=slice_pb2.Position())
    record_id = copied(bytes(tree), span, repository, tally)
    records = [slice_pb2.SliceRecord(span=span, record_id=record_id)]
    sealed(bytes(tree), records, repository, Tally())
    return tally


def once(files: int, act: Callable[[], object]) -> Callable[[Tally], None]:
    """Acts once, when so many files have been read: a, d/x, d/y, e/f/g, large, z."""
    done = []

    def look(tally: Tally) -> None:
        if tally.files == files and not done:
            done.append(True)
            act()

    return look


def reasons(tally: Tally) -> dict[bytes, int]:
    """What was not read, and why."""
    assert len(tally.unread) == tally.unread_count
    return {path: reason for path, reason, _ in tally.unread}


def test_a_file_that_vanishes_is_listed_and_the_others_are_kept(
    tree: Path, location: Path, repository: Repository, tmp_path: Path
) -> None:
    tally = copy_while(tree, repository, once(2, (tree / "d" / "y").unlink))
    assert reasons(tally) == {b"d/y": VANISHED}
    sizes = restored(location, tmp_path, tree)
    assert sorted(sizes) == [b"a", b"d/x", b"e/f/g", b"large", b"z"]


def test_a_directory_that_vanishes_is_listed(
    tree: Path, location: Path, repository: Repository, tmp_path: Path
) -> None:
    tally = copy_while(tree, repository, once(3, lambda: shutil.rmtree(tree / "e")))
    assert reasons(tally) == {b"e": VANISHED}
    assert b"e/f/g" not in restored(location, tmp_path, tree)


@pytest.mark.parametrize("what", ["link", "pipe", "directory"])
def test_what_takes_a_files_place_is_neither_followed_nor_waited_for(
    tree: Path, repository: Repository, what: str
) -> None:
    def replace() -> None:
        place = tree / "d" / "y"
        place.unlink()
        match what:
            case "link":
                place.symlink_to("/etc/passwd")
            case "pipe":
                os.mkfifo(place)
            case "directory":
                place.mkdir()

    tally = copy_while(tree, repository, once(2, replace))
    assert reasons(tally) == {b"d/y": VANISHED}


def test_a_link_that_takes_a_directorys_place_is_not_followed(
    tree: Path, repository: Repository
) -> None:
    def replace() -> None:
        (tree / "e").rename(tree.parent / "outside")
        (tree / "e").symlink_to(tree.parent / "outside")

    tally = copy_while(tree, repository, once(3, replace))
    assert reasons(tally) == {b"e": VANISHED}
    assert tally.files == 5


def test_a_file_that_changes_once_while_it_is_read_is_read_anew(
    tree: Path, location: Path, repository: Repository, tmp_path: Path
) -> None:
    size = (tree / "large").stat().st_size
    changed = []

    def change(tally: Tally) -> None:
        if tally.read_bytes > 5 * 2000 and not changed:
            changed.append(True)
            write_file(bytes(tree / "large"), size + 5, 77)

    tally = copy_while(tree, repository, change)
    assert not tally.unread
    assert restored(location, tmp_path, tree)[b"large"] == size + 5


def test_a_file_that_changes_all_the_time_is_kept_as_it_was_read_and_listed(
    tree: Path, location: Path, repository: Repository, tmp_path: Path
) -> None:
    def change(tally: Tally) -> None:
        if tally.files == 4:
            with open(tree / "large", "ab") as file:
                file.write(b"more")

    tally = copy_while(tree, repository, change)
    assert reasons(tally) == {b"large": CHANGED}
    assert restored(location, tmp_path, tree)[b"large"] > 3 * MIB


def test_a_file_that_shrinks_while_it_is_read_has_the_size_that_was_read(
    tree: Path, location: Path, repository: Repository, tmp_path: Path
) -> None:
    def shrink(tally: Tally) -> None:
        if tally.files == 4 and tally.read_bytes > 4 * 2000:
            size = (tree / "large").stat().st_size
            os.truncate(tree / "large", max(size - MIB, 1))

    tally = copy_while(tree, repository, shrink)
    assert reasons(tally) in ({b"large": CHANGED}, {})
    assert b"large" in restored(location, tmp_path, tree)


def test_pieces_of_a_file_that_changed_between_slices_are_kept_and_listed(
    tree: Path, location: Path, repository: Repository, tmp_path: Path
) -> None:
    def change(number: int) -> None:
        if number == 2:
            os.truncate(tree / "large", 2 * MIB + 7)

    done = back_up(bytes(tree), repository, slice_bytes=MIB, before_slice=change)
    assert done.unread() == {(b"large", CHANGED)}
    assert restored(location, tmp_path, tree)[b"large"] == 2 * MIB + 7


def test_a_file_that_vanishes_between_its_pieces_is_left_out_and_listed(
    tree: Path, location: Path, repository: Repository, tmp_path: Path
) -> None:
    def remove(number: int) -> None:
        if number == 3:
            (tree / "large").unlink()

    done = back_up(bytes(tree), repository, slice_bytes=MIB, before_slice=remove)
    assert done.unread() == {(b"large", VANISHED)}
    assert b"large" not in restored(location, tmp_path, tree)


def test_r95_a_slice_that_failed_for_good_is_listed_and_the_snapshot_is_partial(
    tree: Path, location: Path, repository: Repository, tmp_path: Path
) -> None:
    done = back_up(bytes(tree), repository, slice_files=2, failed=[1, 3])
    listed = {path for path, reason in done.unread() if reason == SLICE_FAILED}
    assert listed == {done.cuts[number].span.start.path for number in (1, 3)}
    assert "partial" in repository.find_snapshot(done.snapshot_id.hex()).tags
    assert 0 < len(restored(location, tmp_path, tree)) < 6


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
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_MAX + 100, before[1]))
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
