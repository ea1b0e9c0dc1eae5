"""What a tree's blob tells without being taken apart."""

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container_agent.repository.times import format_time, parse_time
from container_agent.repository.trees import Node, encode_tree
from container_agent.session.restore_entries import (
    Entry,
    Told,
    mode_of,
    small_files_alone,
    time_of,
)

RANGE_BYTES = 1 << 20
LINKED = {"type": "file", "inode": 5, "links": 2}


def node(name: bytes, kind: str, links: int, size: int, user: str, target: bytes) -> Node:
    return Node(name, kind, links=links, size=size, user=user, linktarget=target)


NODES = st.builds(
    node,
    name=st.binary(min_size=1, max_size=9)
    | st.sampled_from([b'},{"name":"', b'"links":1,', b'"type":"dir"', b'x"type":"file"']),
    kind=st.sampled_from(["file", "file", "file", "dir", "symlink"]),
    links=st.sampled_from([0, 1, 1, 1, 2, 11]),
    size=st.sampled_from([0, 5, RANGE_BYTES, RANGE_BYTES + 1, RANGE_BYTES * 30]),
    user=st.sampled_from(["", '"links":1,', '"type":"file"']),
    target=st.sampled_from([b"", b'"type":"file","links":1,']),
)


@given(st.lists(NODES, max_size=6))
def test_a_tree_is_passed_over_only_when_nothing_in_it_is_for_the_finish(nodes):
    if small_files_alone(encode_tree(nodes), RANGE_BYTES):
        for node in nodes:
            assert node.type == "file" and node.links <= 1 and node.size <= RANGE_BYTES


def test_a_tree_of_small_files_is_passed_over():
    nodes = [Node(b"%d" % n, "file", 0o644, size=9, links=1, content=()) for n in range(5)]
    assert small_files_alone(encode_tree(nodes), RANGE_BYTES)


def test_modes_are_those_of_chmod():
    for mode in (0, 0o644, 0o777):
        assert mode_of(mode | 1 << 31) == mode
    assert mode_of(0o755 | 1 << 23) == 0o755 | stat.S_ISUID
    assert mode_of(0o755 | 1 << 22) == 0o755 | stat.S_ISGID
    assert mode_of(0o777 | 1 << 31 | 1 << 20) == 0o777 | stat.S_ISVTX


def test_only_files_with_an_inode_and_other_names_are_hard_linked():
    def linked(**told) -> bool:
        return Entry(b"a", Told("a", **LINKED | told)).is_hard_linked

    assert linked()
    assert not linked(links=1) and not linked(inode=0) and not linked(type="symlink")


@given(st.integers(-(1 << 55), 1 << 60) | st.integers(0, 9))
def test_times_are_what_was_written(time_ns):
    assert time_of(format_time(time_ns)) == time_ns


@pytest.mark.parametrize(
    ("told", "same"),
    [
        ("2026-11-25T18:56:25.1234567899Z", "2026-11-25T18:56:25.123456789Z"),
        ("2026-11-25T18:56:25.5+01:30", "2026-11-25T17:26:25.500Z"),
        ("2026-11-25T18:56:25-01:30", "2026-11-25T20:26:25Z"),
    ],
)
def test_a_time_may_be_told_in_more_than_one_way(told, same):
    assert time_of(told) == parse_time(same)


@pytest.mark.parametrize(
    "told", ["", "Z", "2026-11-25T18:56:25.Z", "2026-11-25T18:56:25.x5Z", "2026-11-25T18:56:2.5Z"]
)
def test_what_is_no_time_is_said_so(told):
    with pytest.raises(ValueError, match="no time"):
        time_of(told)
