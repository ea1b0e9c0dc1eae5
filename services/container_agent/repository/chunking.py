"""Cuts the bytes of a file into blobs where their content says so."""

from collections.abc import Callable, Iterator

from pyfastcdc import FastCDC

MINIMUM_BYTES = 512 << 10
AVERAGE_BYTES = 1 << 20
MAXIMUM_BYTES = 8 << 20
WINDOW_BYTES = 8 << 20

# Without a compiler the package falls back to Python in silence, two hundred times slower.
assert FastCDC.__module__ == "pyfastcdc.cy.fastcdc", "pyfastcdc is not the compiled one"


def chunks(
    read: Callable[[int, int], bytes], start: int, stop: int, range_bytes: int
) -> Iterator[bytes]:
    """The blobs of the bytes from `start` to `stop`, in order.

    `read(offset, length)` yields at most `length` bytes, fewer only at the file's end, where the
    blobs end too. Chunking starts anew at every multiple of `range_bytes`, so a file that is cut
    there yields the same blobs, whoever reads which part. None is empty or above 8 MiB, and only
    the last of a range is below 512 KiB.
    """
    while start < stop:
        end = min(stop, (start // range_bytes + 1) * range_bytes)
        for chunk in chunks_of_range(read, start, end):
            yield chunk
            start += len(chunk)
        if start < end:
            return


def chunks_of_range(read: Callable[[int, int], bytes], start: int, end: int) -> Iterator[bytes]:
    """The blobs of one range."""
    chunker = FastCDC(avg_size=AVERAGE_BYTES, min_size=MINIMUM_BYTES, max_size=MAXIMUM_BYTES)
    carry = b""
    while True:
        window = read(start, min(WINDOW_BYTES, end - start)) if start < end else b""
        start += len(window)
        buffer = carry + window
        if not buffer:
            return
        # The last chunk of a buffer may go on in the next window.
        *whole, last = [bytes(chunk.data) for chunk in chunker.cut_buf(buffer)]
        yield from whole
        if not window:
            yield last
            return
        carry = last
