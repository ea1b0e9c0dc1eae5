"""Goes down from an open directory, name by name, never by a link, so to nowhere but beneath it.

Each step resolves one name, for which O_NOFOLLOW says all that RESOLVE_BENEATH and
RESOLVE_NO_SYMLINKS of openat2 would; and unlike that, a path may be of any length.
"""

import os
from collections.abc import Iterable

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_beneath(directory: int, names: Iterable[bytes]) -> int:
    """A further descriptor: of the directory that the names lead to, one after the other. The
    caller closes it. OSError where one of them is no directory; a link is none."""
    found = os.dup(directory)
    for name in names:
        above = found
        try:
            found = os.open(name, DIRECTORY, dir_fd=above)
        finally:
            os.close(above)
    return found
