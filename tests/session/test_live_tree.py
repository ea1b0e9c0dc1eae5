"""Trees that change while they are backed up: what could not be read is listed."""

import os
import shutil
from pathlib import Path

import pytest

from backing import back_up
from container_agent.repository.repository import Repository
from container_agent.session.tally import Tally
from meanwhile import copy_while, once, reasons, restored
from sluicegate.v1 import outcome_pb2
from trees import write_file

VANISHED = outcome_pb2.UNREAD_REASON_VANISHED
CHANGED = outcome_pb2.UNREAD_REASON_CHANGED
SLICE_FAILED = outcome_pb2.UNREAD_REASON_SLICE_FAILED
MIB = 1 << 20


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
