"""What becomes of what lies in a target already, by policy; and restores that only tell."""

import os
from pathlib import Path

import pytest

from compare import describe, differences
from container_agent.repository.repository import Repository
from restore.restoring import RANGE_BYTES, backed_up, cuts_of, finish, plan_for, restore_slices
from sluicegate.v1 import slice_pb2
from trees import write_file

ALWAYS = slice_pb2.OVERWRITE_ALWAYS
IF_CHANGED = slice_pb2.OVERWRITE_IF_CHANGED
IF_NEWER = slice_pb2.OVERWRITE_IF_NEWER
NEVER = slice_pb2.OVERWRITE_NEVER
TIME_NS = 10**18
FILES = ("a", "b", "large", "one", "two", "three blobs")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("overwrite") / "tree"
    (tree / "d").mkdir(parents=True)
    for number, name in enumerate(("a", "b", "one")):
        write_file(bytes(tree / name), 5000, number)
    write_file(bytes(tree / "three blobs"), 3 << 20, 7)
    write_file(bytes(tree / "large"), RANGE_BYTES * 2 + 5, 8)
    os.link(tree / "one", tree / "two")
    os.symlink("a", tree / "link")
    for name in (*FILES, "link"):
        os.utime(tree / name, ns=(TIME_NS, TIME_NS), follow_symlinks=False)
    return tree


@pytest.fixture(scope="module")
def repository(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return backed_up(source, tmp_path_factory.mktemp("overwrite") / "repository")


@pytest.fixture
def place(repository, source, tmp_path) -> Path:
    """Where the tree lies in a target into which it has been restored."""
    restored(repository, tmp_path, ALWAYS)
    return Path(f"{tmp_path}{source}")


def restored(repository, target, overwrite, dry_run=False):
    """A whole restore; the counts of all of it."""
    plan = plan_for(target)
    plan.overwrite, plan.dry_run = overwrite, dry_run
    tally = restore_slices(repository, plan, cuts_of(repository, plan))
    last = finish(repository, plan)
    assert not tally.unread and not last.unread
    tally.files += last.files
    tally.unchanged_files += last.unchanged_files
    tally.seen_bytes += last.seen_bytes
    return tally


def inodes(place: Path) -> dict[str, int]:
    return {name: os.lstat(place / name).st_ino for name in FILES}


@pytest.mark.parametrize("overwrite", [ALWAYS, IF_CHANGED, IF_NEWER, NEVER])
def test_a_new_target_gets_all_whatever_the_policy(repository, source, tmp_path, overwrite):
    assert restored(repository, tmp_path, overwrite).files == len(FILES)
    assert differences(describe(source), describe(f"{tmp_path}{source}")) == []


def test_files_that_are_the_same_are_not_rewritten_and_get_their_metadata(
    repository, source, place, tmp_path
):
    before = inodes(place)
    for name in ("a", "large", "three blobs"):
        os.chmod(place / name, 0o777)
        os.utime(place / name, ns=(5, 5))
    tally = restored(repository, tmp_path, ALWAYS)
    after = inodes(place)
    assert {name for name in FILES if before[name] == after[name]} >= set(FILES) - {"one", "two"}
    assert (tally.files, tally.unchanged_files) == (2, 4)
    assert differences(describe(source), describe(place)) == []


def test_always_brings_back_what_was_changed_in_any_place(repository, source, place, tmp_path):
    for name, offset in (("a", 0), ("three blobs", 2 << 20), ("large", RANGE_BYTES + 9)):
        with open(place / name, "r+b") as file:
            file.seek(offset)
            file.write(b"other")
    with open(place / "b", "ab") as file:
        file.write(b"longer")
    assert restored(repository, tmp_path, ALWAYS).unchanged_files == 0
    assert differences(describe(source), describe(place)) == []


def test_never_keeps_all_and_makes_what_is_missing(repository, source, place, tmp_path):
    for name in ("a", "large", "one"):
        (place / name).unlink()
        (place / name).write_bytes(b"mine")
    (place / "link").unlink()
    (place / "link").symlink_to("mine")
    (place / "b").unlink()
    (place / "two").unlink()
    tally = restored(repository, tmp_path, NEVER)
    assert (tally.files, tally.unchanged_files) == (2, 4)
    for name in ("a", "large", "one"):
        assert (place / name).read_bytes() == b"mine"
    assert os.readlink(place / "link") == "mine"
    assert (place / "two").read_bytes() == (source / "two").read_bytes()
    assert (place / "b").read_bytes() == (source / "b").read_bytes()


def test_if_newer_keeps_what_is_as_new(repository, source, place, tmp_path):
    for name, mtime in (("a", TIME_NS - 1), ("b", TIME_NS), ("large", TIME_NS + 1)):
        (place / name).write_bytes(b"mine")
        os.utime(place / name, ns=(mtime, mtime))
    restored(repository, tmp_path, IF_NEWER)
    assert (place / "a").read_bytes() == (source / "a").read_bytes()
    assert (place / "b").read_bytes() == (place / "large").read_bytes() == b"mine"


def test_if_changed_goes_by_size_and_time(repository, source, place, tmp_path):
    (place / "a").write_bytes(b"x" * 5000)
    os.utime(place / "a", ns=(TIME_NS, TIME_NS))
    os.chmod(place / "a", 0o777)
    (place / "b").write_bytes(b"x" * 5000)
    (place / "large").write_bytes(b"mine")
    restored(repository, tmp_path, IF_CHANGED)
    assert (place / "a").read_bytes() == b"x" * 5000
    assert os.stat(place / "a").st_mode == os.stat(source / "a").st_mode
    assert (place / "b").read_bytes() == (source / "b").read_bytes()
    assert (place / "large").read_bytes() == (source / "large").read_bytes()


def test_a_file_that_has_a_name_outside_is_given_nothing(repository, source, place, tmp_path):
    outside = tmp_path / "outside"
    outside.hardlink_to(place / "a")
    os.chmod(outside, 0o777)
    for policy in (ALWAYS, IF_CHANGED, IF_NEWER, NEVER):
        restored(repository, tmp_path, policy)
        assert os.stat(outside).st_mode & 0o777 == 0o777
    assert os.stat(place / "a").st_ino != os.stat(outside).st_ino


def test_a_dry_run_changes_nothing_and_tells_what_would_be(repository, source, place, tmp_path):
    (place / "a").write_bytes(b"mine")
    (place / "b").unlink()
    before = describe(tmp_path)
    tally = restored(repository, tmp_path, ALWAYS, dry_run=True)
    assert differences(before, describe(tmp_path)) == []
    assert tally.unchanged_files == 2
    assert tally.files == 4
    assert restored(repository, tmp_path, NEVER, dry_run=True).files == 1
    nowhere = tmp_path / "nowhere"
    assert restored(repository, nowhere, ALWAYS, dry_run=True).files == len(FILES)
    assert not nowhere.exists()


def test_a_dry_run_counts_the_bytes_of_a_hard_linked_file_once(repository, source, tmp_path):
    once = sum((source / name).stat().st_size for name in FILES if name != "two")
    dry = restored(repository, tmp_path / "nowhere", ALWAYS, dry_run=True)
    written = restored(repository, tmp_path / "to", ALWAYS)
    assert dry.seen_bytes == written.seen_bytes == once
