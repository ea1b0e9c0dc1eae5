"""A restore drill restores files by the code that restores in earnest, and notices what is off."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from container_agent.repository.repository import Repository
from container_agent.session.drill import difference, draw, drill
from container_agent.session.restore_walk import Selection
from container_agent.session.tally import Stopped, Tally
from restore.restoring import backed_up, opened, plan_for
from sluicegate.v1 import outcome_pb2, slice_pb2
from trees import make_tree

ALL = 100_000


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of every kind of entry, and a repository that has it."""
    place = tmp_path_factory.mktemp("drill")
    make_tree(place / "tree", 30, 2 << 20)
    backed_up(place / "tree", place / "repository")
    return place


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where drills restore to."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def drilled(repository: Repository, files: int) -> Tally:
    tally = Tally()
    drill(slice_pb2.VerifyWork(restore_files=files), repository, tally)
    return tally


def test_every_kind_of_file_is_restored_as_it_was_and_nothing_is_left(place, scratch):
    tally = drilled(opened(place / "repository"), ALL)
    regular = [p for p in (place / "tree").rglob("*") if p.is_file() and not p.is_symlink()]
    assert not tally.unread
    assert tally.files == len(regular)
    assert tally.read_bytes >= 2 << 20
    assert not list(scratch.iterdir())


def test_as_many_are_drawn_as_asked_for_and_each_has_a_chance(place):
    selection = Selection(opened(place / "repository"), plan_for(place))
    every = {(*above, entry.name) for above, entry in draw(selection, ALL, Tally())}
    seen = set()
    for _ in range(100):
        drawn = [(*above, entry.name) for above, entry in draw(selection, 10, Tally())]
        assert len(drawn) == len(set(drawn)) == 10
        assert drawn == sorted(drawn)
        seen.update(drawn)
    assert seen == every, "one that is never drawn in 100 tries has a chance of 1 in 10 millions"


def test_a_damaged_file_is_found(place, scratch):
    damaged = Path(shutil.copytree(place / "repository", scratch / "repository"))
    pack = max((p for p in (damaged / "data").rglob("*") if p.is_file()), key=os.path.getsize)
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(content)
    tally = drilled(opened(damaged), ALL)
    assert [path.rpartition(b"/")[2] for path, _, _ in tally.unread] == [b"large"]
    [(_, reason, _)] = tally.unread
    assert reason == outcome_pb2.UNREAD_REASON_DAMAGED


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda file: file.write_bytes(b"x" * file.stat().st_size), "another content"),
        (lambda file: file.write_bytes(file.read_bytes() + b"x"), "another content"),
        (lambda file: os.utime(file, ns=(1, 1)), "another time"),
        (lambda file: os.chmod(file, 0o666), "another mode"),
        (lambda file: file.unlink(), "not there"),
        (lambda file: (file.unlink(), file.symlink_to("/etc/passwd")), "not there"),
    ],
)
def test_what_a_restore_made_otherwise_is_told(place, tmp_path, harm, told):
    repository = opened(place / "repository")
    [(above, entry)] = [
        (above, entry)
        for above, entry in Selection(repository, plan_for(place)).walk()
        if entry.name == b"large"
    ]
    path = (*above, entry.name)
    target = tmp_path / os.fsdecode(b"/".join(path))
    target.parent.mkdir(parents=True)
    shutil.copy2(place / "tree" / "large", target)
    assert difference(path, entry, tmp_path, repository) == ""
    harm(target)
    assert told in difference(path, entry, tmp_path, repository)


def test_a_drill_stops_when_told(place):
    tally = Tally()
    tally.stopping.set()
    with pytest.raises(Stopped):
        drill(slice_pb2.VerifyWork(restore_files=3), opened(place / "repository"), tally)
