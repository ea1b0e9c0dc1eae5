"""Finds long runs of zeros in what is to be written: a file system that is not given them makes
holes of them, which read the same and take no room."""

from collections.abc import Iterator

# A shorter run is written as it is: it would not free a whole page of the file system.
HOLE_BYTES = 4096
# Every so many bytes one is looked at: a run that counts has two of them side by side.
STEP = HOLE_BYTES // 2
BLOCK = bytes(64 << 10)
PAGE = bytes(STEP)


def data_runs(data: bytes) -> Iterator[tuple[int, int]]:
    """What of the bytes is left without the long runs of zeros: from, and up to, in order."""
    samples = data[::STEP]
    at = start = 0
    while (found := samples.find(b"\0\0", at)) >= 0:
        place = found * STEP
        if data[place : place + STEP] != PAGE:
            at = found + 1
            continue
        first = max(start, place - STEP)
        first += len(data[first:place].rstrip(b"\0"))
        stop = end_of_zeros(data, place + STEP)
        if stop - first >= HOLE_BYTES:
            if start < first:
                yield start, first
            start = stop
        at = max(found + 1, stop // STEP)
    if start < len(data):
        yield start, len(data)


def end_of_zeros(data: bytes, at: int) -> int:
    """Where the zeros end that lie at a place."""
    for size in (len(BLOCK), STEP):
        zeros = BLOCK[:size]
        while data[at : at + size] == zeros:
            at += size
    rest = data[at : at + STEP]
    return at + len(rest) - len(rest.lstrip(b"\0"))
