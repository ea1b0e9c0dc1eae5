"""Nothing outside a target is touched, whatever lies in the way."""

import os
from pathlib import Path

import pytest

from container_agent.storage.write import Target, TargetUnwritable, open_directory
from container_agent.storage.write_entries import (
    create_file,
    create_link,
    create_special,
    create_symlink,
    finish_part,
    holes,
    open_part,
    write_at,
)
from container_agent.storage.write_metadata import (
    Metadata,
    give_metadata,
    give_metadata_unopened,
)

PLAIN = Metadata(0o640, os.geteuid(), os.getegid(), 1_000_000_001, 2_000_000_002)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    place = tmp_path / "outside"
    place.mkdir()
    (place / "canary").write_bytes(b"sings")
    return place


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    place = tmp_path / "target"
    place.mkdir()
    return place


def names_in(place: Path) -> list[str]:
    return sorted(entry.name for entry in place.iterdir())


def test_a_target_is_made_with_all_above_it(tmp_path):
    target = Target(os.fsencode(tmp_path / "a" / "b"))
    target.directory((b"c", b"d"))
    target.close()
    assert (tmp_path / "a/b/c/d").is_dir()


def test_a_target_that_is_a_file_is_unwritable(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TargetUnwritable, match="file cannot be written"):
        Target(os.fsencode(tmp_path / "file"))


def test_a_link_among_the_directories_gives_way_and_is_not_followed(inside, outside):
    (inside / "a").symlink_to(outside)
    target = Target(os.fsencode(inside))
    os.close(create_file(target.directory((b"a", b"b")), b"new"))
    target.close()
    assert names_in(outside) == ["canary"]
    assert (inside / "a/b/new").is_file() and not (inside / "a").is_symlink()


def test_a_link_with_the_name_of_a_file_gives_way_and_is_not_followed(inside, outside):
    (inside / "name").symlink_to(outside / "canary")
    target = Target(os.fsencode(inside))
    file = create_file(target.directory(()), b"name")
    os.write(file, b"other")
    os.close(file)
    target.close()
    assert (outside / "canary").read_bytes() == b"sings"
    assert (inside / "name").read_bytes() == b"other"


def test_a_dangling_link_is_no_way_to_make_a_file_outside(inside, outside):
    (inside / "name").symlink_to(outside / "made")
    target = Target(os.fsencode(inside))
    os.close(create_file(target.directory(()), b"name"))
    with pytest.raises(FileExistsError):
        (inside / "part").symlink_to(outside / "canary")
        (inside / "linked").hardlink_to(outside / "canary")
        open_part(target.directory(()), b"linked", 5)
    with pytest.raises(OSError, match="symbolic links"):
        open_part(target.directory(()), b"part", 5)
    target.close()
    assert names_in(outside) == ["canary"]
    assert (outside / "canary").read_bytes() == b"sings"


def test_a_file_that_shares_its_bytes_with_one_outside_is_not_written_into(inside, outside):
    (inside / "name").hardlink_to(outside / "canary")
    target = Target(os.fsencode(inside))
    file = create_file(target.directory(()), b"name")
    os.write(file, b"other")
    os.close(file)
    target.close()
    assert (outside / "canary").read_bytes() == b"sings"


def test_metadata_goes_to_a_link_and_not_to_what_it_points_to(inside, outside):
    before = os.stat(outside / "canary")
    target = Target(os.fsencode(inside))
    directory = target.directory(())
    create_symlink(directory, b"link", os.fsencode(outside / "canary"))
    give_metadata_unopened(directory, b"link", PLAIN, link=True)
    target.close()
    after = os.stat(outside / "canary")
    assert (before.st_mode, before.st_mtime_ns) == (after.st_mode, after.st_mtime_ns)
    assert os.lstat(inside / "link").st_mtime_ns == 2_000_000_002


def test_a_hard_link_is_made_to_the_link_itself(inside, outside):
    target = Target(os.fsencode(inside))
    directory = target.directory(())
    create_symlink(directory, b"link", os.fsencode(outside / "canary"))
    create_link(directory, b"link", directory, b"second")
    target.close()
    assert (inside / "second").is_symlink()
    assert os.stat(outside / "canary").st_nlink == 1


def test_a_directory_that_holds_something_does_not_give_way(inside):
    (inside / "name").mkdir()
    (inside / "name/kept").write_bytes(b"")
    target = Target(os.fsencode(inside))
    with pytest.raises(OSError, match="not empty"):
        create_file(target.directory(()), b"name")
    target.close()
    assert (inside / "name/kept").exists()


def test_an_empty_directory_and_a_pipe_give_way(inside):
    (inside / "name").mkdir()
    target = Target(os.fsencode(inside))
    directory = target.directory(())
    create_special(directory, b"name", 0o010000, 0)
    give_metadata_unopened(directory, b"name", PLAIN, link=False)
    assert (inside / "name").is_fifo() and os.lstat(inside / "name").st_mode & 0o777 == 0o640
    os.close(create_file(directory, b"name"))
    target.close()
    assert (inside / "name").is_file()


def test_a_directory_is_left_when_its_neighbour_is_entered_the_deepest_first(inside):
    left: list[tuple[bytes, ...]] = []
    target = Target(os.fsencode(inside), lambda components, _: left.append(components))
    target.directory((b"a", b"b", b"c"))
    target.directory((b"a",))
    assert left == [(b"a", b"b", b"c"), (b"a", b"b")]
    target.directory((b"d",))
    target.leave_all()
    target.close()
    assert left[2:] == [(b"a",), (b"d",)]


def test_two_may_make_the_same_directory(inside):
    root = os.open(inside, os.O_RDONLY)
    first, second = open_directory(root, b"x"), open_directory(root, b"x")
    assert os.fstat(first).st_ino == os.fstat(second).st_ino
    for descriptor in (first, second, root):
        os.close(descriptor)


def test_metadata_of_a_file_is_whole(inside):
    target = Target(os.fsencode(inside))
    file = create_file(target.directory(()), b"name")
    attributes = (("user.colour", b"blue\x00"),)
    given = Metadata(0o4400, os.geteuid(), os.getegid(), -5, 1_234_567_890_123_456_789, attributes)
    give_metadata(file, given)
    os.close(file)
    target.close()
    status = os.stat(inside / "name")
    assert status.st_mode & 0o7777 == 0o4400
    assert (status.st_atime_ns, status.st_mtime_ns) == (-5, 1_234_567_890_123_456_789)
    assert os.getxattr(inside / "name", "user.colour") == b"blue\x00"


def test_what_was_not_written_of_a_part_is_found(inside):
    target = Target(os.fsencode(inside))
    directory = target.directory(())
    size = 1 << 20
    part = open_part(directory, b"part", size)
    assert list(holes(part, size)) == [(0, size)]
    write_at(part, b"x" * (size // 2), size // 2)
    assert list(holes(part, size)) == [(0, size // 2)]
    write_at(part, b"x" * (size // 2), 0)
    assert list(holes(part, size)) == []
    os.close(part)
    (inside / "name").write_bytes(b"what was there")
    finish_part(directory, b"part", b"name")
    target.close()
    assert names_in(inside) == ["name"] and (inside / "name").stat().st_size == size
