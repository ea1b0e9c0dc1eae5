"""T12: whatever a file may be called comes back so called, and what is no name is refused."""

import os
from pathlib import Path

import pytest

from backing import back_up
from commands import restic
from compare import describe, differences
from container_agent.repository.errors import RepositoryDamaged
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
from names import IMPOSSIBLE, POSSIBLE, TOO_LONG
from repositories import SECRET, reopen
from restore.restoring import cuts_of, finish, plan_for, restore_all, restore_slices
from sluicegate.v1 import outcome_pb2, slice_pb2

NAMES_MIN = 500


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every possible name, as that of a file, a link and a directory."""
    root = tmp_path_factory.mktemp("names") / "source"
    for kind in ("files", "links", "directories"):
        (root / kind).mkdir(parents=True)
    for name in POSSIBLE:
        (root / "files" / os.fsdecode(name)).write_bytes(name)
        (root / "links" / os.fsdecode(name)).symlink_to("nowhere")
        (root / "directories" / os.fsdecode(name)).mkdir()
        (root / "directories" / os.fsdecode(name) / os.fsdecode(name)).touch()
    return root


def test_t12_there_are_five_hundred_names():
    assert len(POSSIBLE) + len(IMPOSSIBLE) + len(TOO_LONG) >= NAMES_MIN
    assert max(map(len, POSSIBLE)) == 255


def test_t12_every_possible_name_comes_back_by_us_and_by_restic(source, tmp_path):
    location = tmp_path / "repository"
    Repository.create(LocalStore(str(location)), SECRET)
    assert not back_up(bytes(source), reopen(location), slice_files=50).unread()
    assert not restore_all(reopen(location), plan_for(tmp_path / "ours")).unread
    restic(location, "restore", "latest", "--target", tmp_path / "theirs")
    before = describe(source)
    assert len(before) == 4 + 4 * len(POSSIBLE)
    for restored in ("ours", "theirs"):
        assert differences(before, describe(f"{tmp_path}/{restored}{source}")) == []


def test_t12_a_forged_tree_of_every_possible_name_stays_in_the_target(forged, target, outside):
    repository = forged.snapshot(*(forged.file(name, name) for name in POSSIBLE))
    assert restore_all(repository, plan_for(target)).unread == []
    assert sorted(os.listdir(os.fsencode(target))) == POSSIBLE
    assert all((target / os.fsdecode(name)).read_bytes() == name for name in POSSIBLE)


@pytest.mark.parametrize("deep", [False, True])
def test_t12_whatever_is_no_name_is_refused_by_all_that_restore(forged, target, outside, deep):
    plan, everything = plan_for(target), [outcome_pb2.Cut(span=slice_pb2.Span())]
    for name in IMPOSSIBLE:
        # The finish looks at names of those that have several.
        file = forged.file(name, inode=7, links=2)
        repository = forged.snapshot(forged.directory(b"d", file) if deep else file)
        with pytest.raises(RepositoryDamaged, match="impossible name"):
            cuts_of(repository, plan)
        with pytest.raises(RepositoryDamaged, match="impossible name"):
            restore_slices(repository, plan, everything)
        with pytest.raises(RepositoryDamaged, match="impossible name"):
            finish(repository, plan)
    assert [path.name for path in target.rglob("*")] == ["d"] * deep


@pytest.mark.parametrize("name", TOO_LONG, ids=len)
def test_t12_what_is_too_long_is_listed_and_the_rest_restored(forged, target, outside, name):
    long = (
        forged.directory(name, forged.file(b"a")),
        forged.file(name),
        forged.symlink(name, b"a"),
    )
    for node in long:
        repository = forged.snapshot(*sorted((forged.file(b"b"), node)))
        [(path, _, _), *_] = restore_all(repository, plan_for(target)).unread
        assert path.startswith(name)
        assert os.listdir(target) == ["b"]
