"""T15: what gives rights is restored for root as it was, and left out for who asks for that."""

import os
import stat
from pathlib import Path

import pytest

from container_agent.repository.repository import Repository
from restore.restoring import backed_up, cuts_of, finish, plan_for, restore_slices

# A capability as the kernel stores it: version 2, CAP_NET_RAW permitted and effective.
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("privileges") / "tree"
    (tree / "shared").mkdir(parents=True)
    for name in ("plain", "setuid", "able", "linked"):
        (tree / name).write_bytes(name.encode())
    os.link(tree / "linked", tree / "linked too")
    os.mknod(tree / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(tree / "disk", stat.S_IFBLK | 0o600, os.makedev(7, 99))
    os.mkfifo(tree / "pipe")
    for path in sorted(tree.rglob("*")):
        os.chown(path, 1234, 4321)
    os.chmod(tree / "setuid", 0o6755)
    os.chmod(tree / "linked", 0o4711)
    os.chmod(tree / "shared", 0o3777)
    os.setxattr(tree / "able", "security.capability", CAPABILITY)
    os.setxattr(tree / "able", "user.colour", b"blue")
    return tree


@pytest.fixture(scope="module")
def repository(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return backed_up(source, tmp_path_factory.mktemp("privileges") / "repository")


def restored(repository: Repository, source: Path, to: Path, *, drop: bool) -> Path:
    """The restored tree; nothing of it was unwritten."""
    plan = plan_for(to)
    plan.drop_privileges = drop
    written = restore_slices(repository, plan, cuts_of(repository, plan))
    assert not written.unread and not finish(repository, plan).unread
    return to / source.relative_to("/")


def modes(tree: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.lstat().st_mode) for path in tree.rglob("*")}


def test_t15_all_rights_come_back_for_who_restores_as_root(repository, source, tmp_path):
    tree = restored(repository, source, tmp_path, drop=False)
    assert modes(tree) == modes(source)
    assert os.getxattr(tree / "able", "security.capability") == CAPABILITY
    for name in ("null", "disk"):
        assert (tree / name).stat().st_rdev == (source / name).stat().st_rdev


def test_t15_rights_are_left_out_for_who_asks_for_that(repository, source, tmp_path):
    tree = restored(repository, source, tmp_path, drop=True)
    expected = modes(source) | {"setuid": 0o755, "linked": 0o711, "linked too": 0o711}
    expected["shared"] = 0o1777
    del expected["null"], expected["disk"]
    assert modes(tree) == expected
    assert os.listxattr(tree / "able") == ["user.colour"]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in tree.iterdir()} == {(1234, 4321)}
    assert (tree / "linked").samefile(tree / "linked too")


def test_t15_rights_that_a_target_has_from_an_earlier_restore_are_taken_away(
    repository, source, tmp_path
):
    restored(repository, source, tmp_path, drop=False)
    tree = restored(repository, source, tmp_path, drop=True)
    assert not (tree / "setuid").stat().st_mode & (stat.S_ISUID | stat.S_ISGID)
    assert os.listxattr(tree / "able") == ["user.colour"]
