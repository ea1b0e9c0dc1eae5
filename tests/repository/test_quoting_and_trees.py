"""Names and trees have the very bytes that restic writes."""

import json
import os
import random
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands import PASSWORD, restic
from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import RepositoryDamaged
from container_agent.repository.quoting import json_string, quote, unquote
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
from container_agent.repository.times import format_time, parse_time
from container_agent.repository.trees import Node, decode_tree, encode_tree
from repositories import reopen
from trees import make_tree

NAMES = st.binary(min_size=1, max_size=255).filter(lambda name: b"/" not in name)


@given(NAMES)
def test_every_name_comes_back(name: bytes):
    assert unquote(quote(name)) == name


@given(NAMES)
def test_a_quoted_name_is_printable_text(name: bytes):
    assert quote(name).isprintable()
    assert json.loads(json_string(quote(name))) == quote(name)


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        (b"plain", "plain"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"a\nb\tc", "a\\nb\\tc"),
        (b'"\\', '\\"\\\\'),
        (b"\x00\x7f", "\\x00\\x7f"),
        ("ä€".encode(), "ä€"),
        ("\u00a0\u2028".encode(), "\\u00a0\\u2028"),
        ("\U000e0001".encode(), "\\U000e0001"),
    ],
)
def test_names_are_quoted_as_go_quotes_them(name: bytes, quoted: str):
    assert quote(name) == quoted


def test_json_is_escaped_as_go_escapes_it():
    assert json_string("<&>\u2028\x08") == '"\\u003c\\u0026\\u003e\\u2028\\u0008"'


@pytest.mark.parametrize("bad", ["\\q", "\\x1", "\\"])
def test_an_escape_that_go_does_not_know_is_refused(bad: str):
    with pytest.raises(ValueError, match="escape"):
        unquote(bad)


@given(st.integers(min_value=0, max_value=4_000_000_000 * 10**9))
def test_times_come_back_to_the_nanosecond(time_ns: int):
    assert parse_time(format_time(time_ns)) == time_ns


def test_times_of_other_zones_are_understood():
    assert parse_time("1970-01-01T02:00:00.5+02:00") == 500_000_000


ATTRIBUTES = st.lists(st.tuples(st.just("user.x"), st.binary(max_size=20)), max_size=2)
NODES = st.builds(
    Node,
    name=NAMES,
    type=st.sampled_from(("file", "dir", "symlink", "fifo")),
    mode=st.integers(0, 0o777),
    mtime_ns=st.integers(0, 2**62),
    atime_ns=st.just(0),
    ctime_ns=st.integers(0, 2**62),
    gid=st.integers(0, 2**32 - 1),
    group=st.just("staff"),
    inode=st.integers(0, 2**63),
    device_id=st.just(0),
    links=st.integers(0, 5),
    device=st.just(0),
    uid=st.integers(0, 2**32 - 1),
    user=st.text(string.ascii_letters, max_size=8),
    size=st.integers(0, 2**63),
    linktarget=st.binary(max_size=40).filter(lambda target: b"\0" not in target),
    attributes=st.lists(st.tuples(st.just("user.x"), st.binary(max_size=20)), max_size=2).map(
        tuple
    ),
    content=st.none() | st.lists(st.binary(min_size=32, max_size=32), max_size=3).map(tuple),
    subtree=st.none() | st.binary(min_size=32, max_size=32),
)


@given(st.lists(NODES, max_size=5))
def test_every_tree_comes_back(nodes: list[Node]):
    assert decode_tree(encode_tree(nodes)) == nodes


@pytest.mark.parametrize("blob", [b"", b"[]", b"{}", b'{"nodes":[{}]}', b'{"nodes":[1]}'])
def test_what_is_no_tree_is_damage(blob: bytes):
    with pytest.raises(RepositoryDamaged):
        decode_tree(blob)


# All that have a meaning of their own somewhere, and some of every kind; no halves of pairs.
CHARACTERS = [*range(1, 0x250), 0x2028, 0x2029, 0xFEFF, 0xFFFD, 0xE000, 0x1F600, 0xE0001, 0x10FFFF]


def test_trees_that_restic_wrote_are_encoded_to_the_same_bytes(tmp_path: Path):
    make_tree(tmp_path / "tree", files=200)
    os.unlink(os.fsencode(tmp_path / "tree" / "odd") + b"/link not utf-8")
    location = tmp_path / "repository"
    restic(location, "init", "--repository-version", "2")
    restic(location, "backup", tmp_path / "tree")
    repository = Repository.open(LocalStore(str(location)), PASSWORD.encode())
    repository.load_index()
    [snapshot] = repository.snapshots()
    waiting, seen = [snapshot.tree], 0
    while waiting:
        blob = repository.read_blob(BlobKind.TREE, waiting.pop())
        nodes = decode_tree(blob)
        assert encode_tree(nodes) == blob
        waiting += [node.subtree for node in nodes if node.subtree]
        seen += 1
    assert seen > 20


def test_names_by_chance_are_written_as_restic_writes_them(tmp_path: Path):
    rng = random.Random(7)
    place = tmp_path / "tree"
    place.mkdir()
    for _ in range(400):
        text = "".join(map(chr, rng.choices(CHARACTERS, k=rng.randrange(1, 20))))
        name = text.encode() if rng.random() < 0.7 else rng.randbytes(rng.randrange(1, 40))
        name = name.replace(b"/", b"").replace(b"\0", b"").strip(b".")
        if name:
            os.close(os.open(os.fsencode(place) + b"/" + name, os.O_CREAT))
    location = tmp_path / "repository"
    restic(location, "init", "--repository-version", "2")
    restic(location, "backup", place)
    repository = reopen(location)
    [snapshot] = repository.snapshots()
    tree = snapshot.tree
    while (nodes := decode_tree(blob := repository.read_blob(BlobKind.TREE, tree)))[0].subtree:
        tree = nodes[0].subtree
    assert [node.name for node in nodes] == sorted(os.listdir(os.fsencode(place)))
    assert encode_tree(nodes) == blob
