"""What a walk passes over, as if it were not there."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass

from container_agent.storage.read import open_file
from sluicegate.patterns import Patterns

Components = tuple[bytes, ...]
# A directory's entries in byte order, each with its kind as the walk has it.
Listing = list[tuple[bytes, int]]
# https://bford.info/cachedir/
CACHE_TAG = b"CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55"


@dataclass(frozen=True)
class Tag:
    """A file whose presence says that nothing beside it is wanted; it must begin with `header`."""

    name: bytes
    header: bytes = b""

    def lies_in(self, directory: int, names: frozenset[bytes]) -> bool:
        """Whether an open directory holds the file."""
        if self.name not in names:
            return False
        if not self.header:
            return True
        try:
            file, _ = open_file(directory, self.name)
        except OSError:
            return False
        try:
            return os.read(file, len(self.header)) == self.header
        except OSError:
            return False
        finally:
            os.close(file)


@dataclass(frozen=True)
class Excludes:
    """Says of each directory which of its entries are left. It asks nothing but the live tree, so
    the slices of a backup agree as far as that stays the same. `root` is the walk's absolute path.
    """

    root: bytes
    patterns: Sequence[Patterns] = ()
    tags: Sequence[Tag] = ()
    one_file_system: bool = False
    larger_than_bytes: int = 0

    def kept(self, path: Components, directory: int, device: int, listing: Listing) -> Listing:
        """What is left of the listing of an open directory of the walk; `device` is the root's."""
        if self.one_file_system and os.fstat(directory).st_dev != device:
            return []
        if self.tags:
            names = frozenset(name for name, _ in listing)
            for tag in self.tags:
                if tag.lies_in(directory, names):
                    listing = [entry for entry in listing if entry[0] == tag.name]
        if self.patterns:
            above = b"".join(b"/" + name for name in path) + b"/"
            listing = [entry for entry in listing if not self._is_matched(above + entry[0])]
        if self.larger_than_bytes:
            listing = [entry for entry in listing if not self._is_too_large(directory, entry[0])]
        return listing

    def _is_matched(self, below: bytes) -> bool:
        return any(patterns.match(self.root, below) for patterns in self.patterns)

    def _is_too_large(self, directory: int, name: bytes) -> bool:
        try:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and status.st_size > self.larger_than_bytes
