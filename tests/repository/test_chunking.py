"""Blobs are cut where the content says so, the same ones whoever reads which part."""

import hashlib
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from container_agent.repository.chunking import MAXIMUM_BYTES, MINIMUM_BYTES, chunks

RANGE = 16 << 20
GOLDEN = (32, "6604171b42378251")
DATA = random.Random(5).randbytes(40 << 20)


def reader(data: bytes):
    return lambda offset, length: data[offset : offset + length]


def cut(data: bytes, start: int = 0, stop: int | None = None) -> list[bytes]:
    return list(chunks(reader(data), start, len(data) if stop is None else stop, RANGE))


def test_the_cuts_are_those_of_yesterday():
    """A golden vector: other cuts would store every large file of every user once more."""
    lengths = [len(blob) for blob in cut(DATA)]
    digest = hashlib.sha256(repr(lengths).encode()).hexdigest()
    assert (len(lengths), digest[:16]) == GOLDEN


def test_nothing_is_lost_and_the_bounds_hold():
    blobs = cut(DATA)
    assert b"".join(blobs) == DATA
    assert all(len(blob) <= MAXIMUM_BYTES for blob in blobs)
    at = 0
    for blob in blobs:
        at += len(blob)
        assert len(blob) >= MINIMUM_BYTES or at % RANGE == 0 or at == len(DATA)


def test_parts_yield_the_same_blobs():
    parts = [
        cut(DATA, start, min(start + RANGE, len(DATA))) for start in range(0, len(DATA), RANGE)
    ]
    assert [blob for part in parts for blob in part] == cut(DATA)


def test_an_insertion_changes_one_blob_of_its_range():
    changed = DATA[: 3 << 20] + b"!" + DATA[3 << 20 : RANGE - 1]
    before = {hashlib.sha256(blob).digest() for blob in cut(DATA[:RANGE])}
    after = {hashlib.sha256(blob).digest() for blob in cut(changed)}
    assert len(after - before) <= 2


def test_a_file_that_shrinks_while_it_is_read_ends_early():
    short = DATA[: 3 << 20]
    assert b"".join(chunks(reader(short), 0, len(DATA), RANGE)) == short


def test_zeros_become_blobs_of_the_largest_size():
    assert {len(blob) for blob in cut(bytes(RANGE))} == {MAXIMUM_BYTES}


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2 << 20))
def test_a_small_file_is_one_blob(size: int):
    blobs = cut(DATA[:size])
    assert b"".join(blobs) == DATA[:size]
    if 0 < size <= MINIMUM_BYTES:
        assert len(blobs) == 1
