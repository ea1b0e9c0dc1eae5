"""The nodes of directories that no slice has seen: those above the asset, and those of slices that
failed."""

import os
import stat

from container_agent.storage.metadata import directory_node, name_text
from container_agent.storage.walk import Components

# What is not known is that of root, from 1970.
UNKNOWN = os.stat_result(
    (stat.S_IFDIR | 0o755, 0, 0, 1, 0, 0, 0, 0, 0, 0), {"st_mtime_ns": 0, "st_ctime_ns": 0}
)


def directory_node_at(path: bytes, name: bytes) -> bytes | None:
    """The node of the directory at a path as it is now, but for its attributes; None when there
    is none."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return directory_node(name_text(name), status, "") if stat.S_ISDIR(status.st_mode) else None


def some_directory_node(path: bytes, name: bytes) -> bytes:
    """The node of the directory at a path, or of a plain one where there is none."""
    return directory_node_at(path, name) or directory_node(name_text(name), UNKNOWN, "")


class Directories:
    """The directories of a source that were not there when a slice came to them."""

    def __init__(self, source: bytes, root_name: bytes) -> None:
        self._source = source
        self._root_name = root_name

    def node(self, path: Components, empty: bool) -> bytes | None:
        """The node for a directory; a plain one when it is gone but something of it was read."""
        place = os.path.join(self._source, *path[1:])
        name = path[-1] or self._root_name
        return directory_node_at(place, name) if empty else some_directory_node(place, name)
