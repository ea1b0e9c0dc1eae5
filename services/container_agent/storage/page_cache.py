"""Leaves the page cache of the host as it was: what only a backup has read makes no room scarce."""

import os
from contextlib import suppress

# So much of a file is in the cache at most before it goes again, beside what is read ahead.
DROPPED_BYTES = 8 << 20


def is_cached(descriptor: int, offset: int) -> bool:
    """Whether the cache had an open file before it is read, going by one byte; False where the file
    system does not tell."""
    try:
        return os.preadv(descriptor, [bytearray(1)], offset, os.RWF_NOWAIT) > 0
    except OSError:
        return False


class Passage:
    """The reading of an open file from an offset on. What somebody else had brought into the cache
    stays there."""

    def __init__(self, descriptor: int, offset: int) -> None:
        self._descriptor = descriptor
        self._from = offset
        self._drops = not is_cached(descriptor, offset)
        if self._drops:
            # The system may not heed it, or know it.
            with suppress(OSError):
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)

    def reached(self, offset: int) -> None:
        """What lies before is not read again."""
        if offset - self._from >= DROPPED_BYTES:
            self.ended(offset)

    def ended(self, offset: int) -> None:
        """Nothing of the file is read again, and it was read up to here."""
        if self._drops and offset > self._from:
            with suppress(OSError):
                os.posix_fadvise(
                    self._descriptor, self._from, offset - self._from, os.POSIX_FADV_DONTNEED
                )
        self._from = offset
