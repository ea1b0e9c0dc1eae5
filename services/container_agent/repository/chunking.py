"""Cuts the bytes of a file into blobs where their content says so."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from pyfastcdc import FastCDC

MINIMUM_BYTES = 512 << 10
AVERAGE_BYTES = 1 << 20
MAXIMUM_BYTES = 8 << 20
# The last chunk of a window is read twice, so a window holds many; a session has one at a time.
WINDOW_BYTES = 16 << 20

# Without a compiler the package falls back to Python in silence, two hundred times slower.
assert FastCDC.__module__ == "pyfastcdc.cy.fastcdc", "pyfastcdc is not the compiled one"


class Zeros(NamedTuple):
    """A blob of zeros that nobody has read: so many lie in a hole of a file."""

    length: int


Read = Callable[[int, int], bytes]
# Where the hole ends that an offset lies in; the offset itself where there is none.
HoleEnd = Callable[[int], int]


@lru_cache(64)
def zeros_id(length: int) -> bytes:
    """The id of a blob of zeros, hashed once."""
    return sha256(bytes(length)).digest()


def no_hole(offset: int) -> int:
    """A file without holes, or of which none are known."""
    return offset


def chunks(
    read: Read, start: int, stop: int, range_bytes: int, hole_end: HoleEnd = no_hole
) -> Iterator[memoryview | Zeros]:
    """The blobs of the bytes from `start` to `stop`, in order.

    `read(offset, length)` yields at most `length` bytes, fewer only at the file's end, where the
    blobs end too. Chunking starts anew at every multiple of `range_bytes`, so a file that is cut
    there yields the same blobs, whoever reads which part. None is empty or above 8 MiB, and only
    the last of a range is below 512 KiB. Each is a view of bytes that do not change; what lies in
    a hole is not read where a blob of zeros is all that could come of it.
    """
    while start < stop:
        end = min(stop, (start // range_bytes + 1) * range_bytes)
        for chunk in chunks_of_range(read, start, end, hole_end):
            yield chunk
            start += chunk.length if isinstance(chunk, Zeros) else len(chunk)
        if start < end:
            return


def chunks_of_range(
    read: Read, start: int, end: int, hole_end: HoleEnd = no_hole
) -> Iterator[memoryview | Zeros]:
    """The blobs of one range."""
    chunker = FastCDC(avg_size=AVERAGE_BYTES, min_size=MINIMUM_BYTES, max_size=MAXIMUM_BYTES)
    while start < end:
        # Zeros have no place to cut: they make a blob of the largest size, or up to the end.
        blank = min(MAXIMUM_BYTES, end - start)
        if hole_end(start) - start >= blank:
            yield Zeros(blank)
            start += blank
            continue
        window = read_fully(read, start, min(WINDOW_BYTES, end - start))
        ended = start + len(window) == end or len(window) < WINDOW_BYTES
        view, at = memoryview(window), 0
        for chunk in chunker.cut_buf(window):
            stop = at + chunk.length
            # The last of a window may go on in the next, which begins where it begins.
            if stop == len(window) and not ended and chunk.length < MAXIMUM_BYTES:
                break
            yield view[at:stop]
            at = stop
        start += at
        if ended:
            return


def read_fully(read: Read, offset: int, length: int) -> bytes:
    """All bytes that are asked for, or up to the file's end: a share may give fewer at a time."""
    window = read(offset, length)
    while len(window) < length and (more := read(offset + len(window), length - len(window))):
        window += more
    return window
