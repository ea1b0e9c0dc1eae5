"""Whoever can write a repository, or into a target, gets nothing written outside the target."""

import os
import random
from pathlib import Path

import pytest

from container_agent.repository.errors import BlobMissing, RepositoryDamaged
from container_agent.repository.trees import Node
from container_agent.session.restore_entries import Entry, Told
from container_agent.session.restore_files import part_name
from restore.restoring import (
    RANGE_BYTES,
    Forged,
    cuts_of,
    finish,
    plan_for,
    restore_all,
    restore_slices,
)
from sluicegate.v1 import outcome_pb2

IMPOSSIBLE = [b"", b".", b"..", b"a/b", b"/", b"/etc", b"../up", b"a\0b", b"..\0"]
STRANGE = [
    b"...",
    b"-",
    b" ",
    b"\\",
    b"..\\up",
    b"%2e%2e",
    b"new\nline",
    b"\x1b[2J",
    b"\xff\xfe",
    b"\xc3\xa4",
    b"a\xcc\x88",
    b"\xe2\x80\xae",
    b"CON",
    b"~",
    b"$(touch x)",
    b"x" * 255,
]


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_name_that_is_more_than_a_name_is_damage(forged, target, outside, name):
    repository = forged.snapshot(forged.directory(b"d", forged.file(name)))
    with pytest.raises(RepositoryDamaged, match="impossible name"):
        cuts_of(repository, plan_for(target))
    repository = forged.snapshot(forged.directory(b"d", forged.file(name, inode=7, links=2)))
    with pytest.raises(RepositoryDamaged, match="impossible name"):
        finish(repository, plan_for(target))


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_name_is_a_name_like_others(forged, target, outside, name):
    repository = forged.snapshot(forged.directory(name, forged.file(name)))
    assert restore_all(repository, plan_for(target)).unread == []
    assert os.listdir(os.fsencode(target)) == [name]
    assert os.listdir(os.path.join(os.fsencode(target), name)) == [name]


def test_a_link_and_a_directory_of_one_name_are_damage(forged, target, outside):
    link = forged.symlink(b"d", os.fsencode(outside))
    repository = forged.snapshot(link, forged.directory(b"d", forged.file(b"canary")))
    with pytest.raises(RepositoryDamaged, match="impossible name"):
        cuts_of(repository, plan_for(target))


def test_a_link_from_an_earlier_restore_is_not_followed(forged, target, outside):
    repository = forged.snapshot(forged.symlink(b"d", os.fsencode(outside)))
    restore_all(repository, plan_for(target))
    repository = forged.snapshot(
        forged.directory(b"d", forged.file(b"canary"), forged.file(b"new"))
    )
    assert restore_all(repository, plan_for(target)).unread == []
    assert (target / "d" / "canary").read_bytes() == b"forged"


@pytest.mark.parametrize("in_the_way", ["link", "dangling", "link to directory", "hard link"])
@pytest.mark.parametrize("kind", ["file", "symlink", "fifo", "large", "linked"])
def test_what_was_planted_in_a_target_is_not_followed(forged, target, outside, kind, in_the_way):
    content = b"forged" * 2_000_000
    node = {
        "file": forged.file(b"name"),
        "symlink": forged.symlink(b"name", os.fsencode(outside / "canary")),
        "fifo": Node(b"name", "fifo", 0o644 | 1 << 25),
        "large": forged.file(b"name", content),
        "linked": forged.file(b"name", inode=7, links=2),
    }[kind]
    assert len(content) > RANGE_BYTES
    repository = forged.snapshot(node)
    target.mkdir()
    content_ids = [blob_id.hex() for blob_id in node.content or ()]
    for name in (b"name", part_name(Entry(b"name", Told("name", "file", content=content_ids)))):
        place = target / os.fsdecode(name)
        if in_the_way == "hard link":
            place.hardlink_to(outside / "canary")
        else:
            end = {"link": "canary", "dangling": "made", "link to directory": "."}[in_the_way]
            place.symlink_to(outside / end)
    unread = restore_all(repository, plan_for(target)).unread
    planted = list(target.iterdir())
    if kind == "large":
        # Its part has a name that nobody else should have: it is told, and not touched.
        assert [path for path, _, _ in unread] == [b"name"]
    else:
        assert unread == []
        assert (target / "name").is_symlink() == (kind == "symlink")
    for place in planted:
        place.unlink()


def test_a_link_put_in_place_of_a_directory_before_the_finish_is_not_followed(
    forged, target, outside
):
    files = (forged.file(b"a", inode=7, links=2), forged.file(b"b", inode=7, links=2))
    repository = forged.snapshot(forged.directory(b"d", *files), forged.symlink(b"e", b"d"))
    plan = plan_for(target)
    restore_slices(repository, plan, cuts_of(repository, plan))
    (target / "d").rmdir()
    (target / "d").symlink_to(outside)
    assert finish(repository, plan).unread == []
    assert (target / "d" / "b").stat().st_nlink == 2


def test_a_size_that_is_not_so_is_no_harm(forged, target, outside):
    repository = forged.snapshot(
        forged.file(b"a", size=1 << 60),
        forged.file(b"b", size=0),
        forged.file(b"c", size=1 << 60, content=()),
    )
    plan = plan_for(target)
    tally = finish(repository, plan)
    assert tally.unread == []
    assert (target / "a").read_bytes() == b"forged" and (target / "c").read_bytes() == b""


def test_content_that_is_missing_or_no_content_is_listed_and_the_rest_restored(
    forged, target, outside
):
    repository = forged.snapshot(
        forged.file(b"a", content=(bytes(32),)),
        forged.file(b"b"),
        forged.file(b"c", content=(b"\x01" * 32, b"\x02" * 32)),
        Node(b"d", "unheard of", 0),
    )
    unread = restore_all(repository, plan_for(target)).unread
    assert [path for path, _, _ in unread] == [b"a", b"c", b"d"]
    assert {reason for _, reason, _ in unread} == {outcome_pb2.UNREAD_REASON_DAMAGED}
    assert os.listdir(target) == ["b"]


def test_a_damaged_blob_costs_its_file_alone(forged, target, outside):
    repository = forged.snapshot(forged.file(b"a", b"one"), forged.file(b"b", b"two"))
    wrong = forged.data(b"three")
    repository = forged.snapshot(
        forged.file(b"a", b"one"), forged.file(b"b", content=(wrong[:31] + b"x",))
    )
    assert [path for path, _, _ in restore_all(repository, plan_for(target)).unread] == [b"b"]
    assert (target / "a").read_bytes() == b"one"


@pytest.mark.parametrize(
    "fields",
    [
        {"size": "large"},
        {"size": -1},
        {"links": "many"},
        {"uid": "root"},
        {"uid": 1 << 40},
        {"gid": -1},
        {"mode": [1]},
        {"mtime": "yesterday"},
        {"mtime": 5},
        {"content": [5]},
        {"content": "abc"},
        {"type": 7},
        {"type": "dir"},
        {"type": "dir", "subtree": "no id"},
        {"type": "dir", "subtree": "00" * 32},
        {"type": "symlink", "linktarget": "a\0b"},
        {"type": "symlink", "linktarget": 5},
        {"type": "symlink", "linktarget": "\ud800"},
        {"type": "chardev", "device": 1 << 70},
        {"extended_attributes": [{"name": "user.a\0b", "value": "YQ=="}]},
        {"extended_attributes": [{"name": "\ud800", "value": "YQ=="}]},
        {"extended_attributes": [{"value": "!"}]},
        {"extended_attributes": 5},
        {"name": "\\q"},
        {"name": 5},
    ],
)
def test_an_entry_that_is_none_is_damage_or_listed_and_no_fault_of_ours(
    forged, target, outside, fields
):
    repository = forged.told(**fields)
    try:
        assert len(restore_all(repository, plan_for(target)).unread) == 1
    except (RepositoryDamaged, BlobMissing) as damage:
        assert "\n" not in str(damage)


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"[]",
        b"{}",
        b'{"nodes":[5]}',
        b'{"nodes":[{"name":"\xff","type":"file","links":2}]}',
        b'{"nodes":[{"name":"a","type":"\xff"}]}',
        b'{"more":' + b"[" * 100_000,
    ],
)
def test_a_tree_that_is_none_is_damage(forged, target, outside, blob):
    for repository in (forged.raw(blob), forged.snapshot(forged.above(b"d", blob))):
        with pytest.raises(RepositoryDamaged, match="is no tree"):
            cuts_of(repository, plan_for(target))
        with pytest.raises(RepositoryDamaged, match="is no tree"):
            finish(repository, plan_for(target))


def random_nodes(forged: Forged, rng: random.Random, outside: Path, depth: int) -> list[Node]:
    """A directory of what is hardest: few names that meet again, links out, links between."""
    nodes = []
    for name in sorted(rng.sample([b"a", b"b", b"c", b"\xff", b"x y"], rng.randrange(1, 5))):
        kind = rng.randrange(5 if depth else 4)
        if kind == 0:
            nodes.append(forged.file(name, rng.randbytes(9)))
        elif kind == 1:
            ends = [os.fsencode(outside), os.fsencode(outside / "canary"), b"..", b"a", b"/"]
            nodes.append(forged.symlink(name, rng.choice(ends)))
        elif kind == 2:
            nodes.append(forged.file(name, b"shared", inode=rng.randrange(1, 4), links=3))
        elif kind == 3:
            nodes.append(forged.file(name, b"large", size=RANGE_BYTES + 1))
        else:
            inside = random_nodes(forged, rng, outside, depth - 1)
            nodes.append(forged.directory(name, *inside))
    return nodes


def inodes(place: Path) -> dict[Path, tuple[int, ...]]:
    """What changes with whatever is done to a file, but for reading it."""
    found = {path: path.lstat() for path in (place, *place.rglob("*"))}
    return {path: (at.st_ino, at.st_nlink, at.st_ctime_ns) for path, at in found.items()}


def test_t13_two_hundred_trees_over_one_another_stay_in_the_target(forged, target, outside):
    rng, before = random.Random(5), inodes(outside)
    for _ in range(200):
        nodes = random_nodes(forged, rng, outside, 3)
        repository = forged.snapshot(*nodes)
        restore_all(repository, plan_for(target))
    assert sorted(os.listdir(target.parent)) == ["outside", "target"]
    assert inodes(outside) == before
