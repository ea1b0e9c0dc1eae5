"""Cuts a walk into slices."""

from collections.abc import Iterable, Iterator, Sequence

from container_agent.session.walking import PATH_BYTES_MAX, position_of
from container_agent.storage.walk import Components, Place
from sluicegate.v1 import outcome_pb2, slice_pb2


class SparseSize(int):
    """The size of a file with holes, and how much there is to do in each of its ranges."""

    ranges: Sequence[int]

    @classmethod
    def of(cls, size: int, ranges: Sequence[int]) -> "SparseSize":
        """A size with the bytes of each range that lie in no hole."""
        made = cls(size)
        made.ranges = ranges
        return made


def cut(
    entries: Iterable[tuple[Components, int]], start: Place, cutting: slice_pb2.Cutting
) -> Iterator[outcome_pb2.Cut]:
    """Slices of a walk that begins at `start`, from its entries and their sizes in walk order.

    Slices lie end to end and the last one is open, so nothing is in two and nothing in none. A
    slice ends before the entry, or the range of a large file, that would bring it over a limit; it
    is larger only when its first one is, or where a path is too long to name a place. Of a file
    with holes a slice holds what lies in none: a terabyte of nothing is no work.
    """
    begin, used_bytes, used_files, empty = start, 0, 0, True
    bytes_max, files_max, range_bytes = (
        cutting.slice_bytes,
        cutting.slice_files,
        cutting.range_bytes,
    )
    for path, size in entries:
        fits = size <= range_bytes and used_bytes + size <= bytes_max and used_files < files_max
        if fits and not (start.offset and empty):
            # What nearly every entry is; the rest of the loop would come to the same.
            used_bytes += size
            used_files += 1
            empty = False
            continue
        offset = start.offset if path == start.path else 0
        files = 0 if offset else 1
        while True:
            length = min(size - offset, range_bytes)
            if length > 0 and isinstance(size, SparseSize):
                length = size.ranges[offset // range_bytes]
            full = used_bytes + length > bytes_max or used_files + files > files_max
            if full and not empty and is_nameable(path):
                stop = Place(path, offset)
                yield cut_of(begin, stop, used_bytes, used_files)
                begin, used_bytes, used_files = stop, 0, 0
            empty = False
            used_bytes += max(length, 0)
            used_files += files
            files = 0
            offset += range_bytes
            if offset >= size:
                break
    yield cut_of(begin, None, used_bytes, used_files)


def is_nameable(path: Components) -> bool:
    """True when a position can bear the path."""
    return sum(map(len, path)) + len(path) <= PATH_BYTES_MAX


def cut_of(begin: Place, stop: Place | None, size_bytes: int, files: int) -> outcome_pb2.Cut:
    """A cut as it travels."""
    span = slice_pb2.Span(start=position_of(begin))
    if stop is not None:
        span.stop.CopyFrom(position_of(stop))
    return outcome_pb2.Cut(span=span, bytes=size_bytes, files=files)
