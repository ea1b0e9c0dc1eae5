"""Who is not root gets back all but owners and devices, also where directories are read-only."""

import ctypes
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from compare import describe, differences
from container_agent.repository.repository import Repository
from container_agent.repository.trees import Node
from container_agent.storage.write import Target, TargetUnwritable
from restore.restoring import Forged, cuts_of, opened, plan_for, restore_all
from trees import write_file

NOBODY = 65534
# Of setresuid and setresgid, which the system applies to one thread and the C library to all.
CALLS = {"x86_64": (117, 119), "aarch64": (147, 149)}
DEVICE = Node(b"device", "chardev", 0o644 | 1 << 26 | 1 << 21, device=0x103)


def as_nobody(work: Callable[[], Any]) -> Any:
    """Does something in a thread that is not root, nor are those that it starts."""

    def become_nobody_and_work() -> Any:
        if os.geteuid() == 0:
            libc = ctypes.CDLL(None, use_errno=True)
            for call in reversed(CALLS[platform.machine()]):
                assert libc.syscall(call, -1, NOBODY, -1) == 0, os.strerror(ctypes.get_errno())
        assert os.geteuid() != 0
        return work()

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(become_nobody_and_work).result()


@pytest.fixture
def place():
    """A directory that is nobody's, as what is above pytest's are root's alone."""
    place = Path(tempfile.mkdtemp(prefix="sluicegate-test-"))
    try:
        os.chmod(place, 0o777)
        yield place
    finally:
        shutil.rmtree(place)


def opened_to_all(location: Path) -> Repository:
    """A repository that nobody, too, may read."""
    for path in (location, *location.rglob("*")):
        path.chmod(0o777)
    return opened(location)


def test_all_but_owners_and_devices_comes_back_twice(place: Path):
    forged = Forged(place / "repository")
    times = {"mtime_ns": 10**18 + 1, "atime_ns": 10**18 + 1, "uid": 1234, "gid": 4321}
    files = [
        forged.file(name, name * 100_000, **times)._replace(mode=mode)
        for name, mode in ((b"closed", 0), (b"open", 0o644), (b"read-only", 0o400))
    ]
    attributes = (("user.colour", b"blue"), ("trusted.secret", b"1"))
    files[2] = files[2]._replace(attributes=attributes)
    closed = forged.directory(b"d", *files)._replace(mode=1 << 31, **times)
    read_only = forged.directory(b"e", DEVICE, closed)._replace(mode=0o555 | 1 << 31, **times)
    forged.snapshot(read_only)
    forged.close()
    repository = opened_to_all(place / "repository")
    seen = []
    for _ in range(2):
        unread = as_nobody(lambda: restore_all(repository, plan_for(place / "target")).unread)
        assert [path for path, _, _ in unread] == [b"e/device"]
        seen.append(describe(place / "target"))
    assert differences(seen[0], {**seen[1], b"": seen[0][b""]}) == []
    assert {path: oct(entry.mode) for path, entry in seen[0].items() if path} == {
        b"e": "0o555",
        b"e/d": "0o0",
        b"e/d/closed": "0o0",
        b"e/d/open": "0o644",
        b"e/d/read-only": "0o400",
    }
    assert {entry.mtime_ns for path, entry in seen[0].items() if path} == {10**18 + 1}
    assert seen[0][b"e/d/read-only"].xattrs == (("user.colour", b"blue"),)


def test_a_target_in_which_nothing_can_be_made_is_found_out_by_the_crawl(place: Path):
    forged = Forged(place / "repository")
    forged.snapshot(forged.directory(b"d", forged.file(b"f")))
    forged.close()
    repository = opened_to_all(place / "repository")
    (place / "target").mkdir(mode=0o555)

    def crawl() -> None:
        with pytest.raises(TargetUnwritable, match="target cannot be written"):
            cuts_of(repository, plan_for(place / "target"))
        # In place, what is there already may be open to whoever restores.
        assert cuts_of(repository, plan_for(place))

    (place / "d").mkdir()
    (place / "d").chmod(0o777)
    place.chmod(0o755)
    as_nobody(crawl)


def test_a_target_of_somebody_else_is_unwritable(place: Path):
    (place / "root's").mkdir(mode=0o755)
    write_file(os.fsencode(place / "root's" / "file"), 10, 1)
    if os.geteuid() != 0:
        os.chmod(place / "root's", 0o555)

    def make() -> None:
        with pytest.raises(TargetUnwritable, match="Permission denied"):
            Target(os.fsencode(place / "root's" / "target"))

    as_nobody(make)
