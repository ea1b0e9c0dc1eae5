"""The nodes of directories that no slice has seen: those above the asset, and those of slices that
failed."""

import os
import stat

from container_agent.storage.beneath import open_beneath
from container_agent.storage.metadata import directory_node, name_text
from container_agent.storage.walk import Components

# What is not known is that of root, from 1970.
UNKNOWN = os.stat_result(
    (stat.S_IFDIR | 0o755, 0, 0, 1, 0, 0, 0, 0, 0, 0), {"st_mtime_ns": 0, "st_ctime_ns": 0}
)
ROOT = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def status_beneath(root: bytes, names: Components) -> os.stat_result | None:
    """How a directory beneath a root is now, however deep it lies; None when there is none. No
    link below the root is followed."""
    above = -1
    try:
        if not names:
            status = os.lstat(root)
        else:
            opened = os.open(root, ROOT)
            try:
                above = open_beneath(opened, names[:-1])
            finally:
                os.close(opened)
            status = os.stat(names[-1], dir_fd=above, follow_symlinks=False)
    except OSError:
        return None
    finally:
        if above >= 0:
            os.close(above)
    return status if stat.S_ISDIR(status.st_mode) else None


def some_directory_node(path: bytes, name: bytes) -> bytes:
    """The node of the directory at a path as it is now, but for its attributes; of a plain one
    where there is none."""
    return directory_node(name_text(name), status_beneath(path, ()) or UNKNOWN, "")


class Directories:
    """The directories of a source that were not there when a slice came to them."""

    def __init__(self, source: bytes, root_name: bytes) -> None:
        self._source = source
        self._root_name = root_name

    def node(self, path: Components, empty: bool) -> bytes | None:
        """The node for a directory; a plain one when it is gone but something of it was read."""
        status = status_beneath(self._source, path[1:])
        if status is None and empty:
            return None
        return directory_node(name_text(path[-1] or self._root_name), status or UNKNOWN, "")
