"""Cuts: end to end, within their limits, and the same when a crawl goes on after one."""

import hypothesis.strategies as st
from hypothesis import given

from container_agent.session.cutting import cut
from container_agent.session.walking import place_of, stop_of
from container_agent.storage.walk import Components, Place
from sluicegate.v1 import outcome_pb2, slice_pb2

MIB = 1 << 20
Entries = list[tuple[Components, int]]
PATHS = st.lists(st.sampled_from([b"a", b"a.b", b"b", b"\xff"]), max_size=3).map(tuple)
ENTRIES = st.dictionaries(
    PATHS, st.sampled_from([0, 1, MIB // 2, MIB, 3 * MIB, 3 * MIB + 7]), max_size=12
).map(lambda sizes: sorted(sizes.items()))
CUTTINGS = st.builds(
    slice_pb2.Cutting,
    slice_bytes=st.sampled_from([1 << 16, MIB, 2 * MIB, 5 * MIB]),
    slice_files=st.integers(1, 5),
    range_bytes=st.just(MIB),
)


def pieces(entries: Entries, start: Place) -> dict[Place, int]:
    """Every place that a cut can be at, from a start on, with the bytes up to the next."""
    return {
        Place(path, offset): min(size - offset, MIB)
        for path, size in entries
        for offset in range(0, max(size, 1), MIB)
        if Place(path, offset) >= start
    }


def cuts_of(entries: Entries, cutting: slice_pb2.Cutting, start: Place) -> list[outcome_pb2.Cut]:
    """The cuts of a walk from a start on."""
    return list(cut([entry for entry in entries if entry[0] >= start.path], start, cutting))


@given(ENTRIES, CUTTINGS)
def test_r18_slices_lie_end_to_end_within_their_limits(
    entries: Entries, cutting: slice_pb2.Cutting
) -> None:
    made = cuts_of(entries, cutting, Place())
    assert place_of(made[0].span.start) == Place()
    assert stop_of(made[-1].span) is None
    waiting = pieces(entries, Place())
    for number, one in enumerate(made):
        start, stop = place_of(one.span.start), stop_of(one.span)
        if number + 1 < len(made):
            assert stop == place_of(made[number + 1].span.start)
        inside = {p: b for p, b in waiting.items() if p >= start and (stop is None or p < stop)}
        waiting = {p: b for p, b in waiting.items() if p not in inside}
        files = sum(not place.offset for place in inside)
        assert (one.bytes, one.files) == (sum(inside.values()), files)
        assert len(inside) == 1 or one.bytes <= cutting.slice_bytes
        assert len(inside) == 1 or one.files <= cutting.slice_files
        assert inside or number + 1 == len(made)
    assert not waiting


@given(ENTRIES, CUTTINGS)
def test_a_crawl_that_goes_on_after_a_cut_makes_the_cuts_that_were_to_come(
    entries: Entries, cutting: slice_pb2.Cutting
) -> None:
    made = cuts_of(entries, cutting, Place())
    for number in range(1, len(made)):
        assert cuts_of(entries, cutting, place_of(made[number].span.start)) == made[number:]


def test_no_cut_is_made_where_a_path_is_too_long_to_be_named() -> None:
    long = (b"x" * 200,) * 25
    entries = [((b"a",), 1), ((b"b",), 1), (long, 1), ((b"y",), 1)]
    cutting = slice_pb2.Cutting(slice_bytes=MIB, slice_files=1, range_bytes=MIB)
    stops = [stop_of(made.span) for made in cut(entries, Place(), cutting)]
    assert stops == [Place((b"b",)), Place((b"y",)), None]
