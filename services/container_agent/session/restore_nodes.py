"""Nodes of a repository's trees as the entries of a file system that they stand for."""

import stat

from container_agent.repository.trees import Node
from container_agent.storage.write_metadata import Metadata

PERMISSIONS = 0o777
# Go keeps these apart from the permissions.
SPECIAL_BITS = ((1 << 23, stat.S_ISUID), (1 << 22, stat.S_ISGID), (1 << 20, stat.S_ISVTX))
KINDS = {
    "dev": stat.S_IFBLK,
    "chardev": stat.S_IFCHR,
    "fifo": stat.S_IFIFO,
    "socket": stat.S_IFSOCK,
}


def mode_of(node: Node) -> int:
    """The mode as chmod takes it."""
    mode = node.mode & PERMISSIONS
    if node.mode >> 20:
        for theirs, ours in SPECIAL_BITS:
            if node.mode & theirs:
                mode |= ours
    return mode


def metadata_of(node: Node) -> Metadata:
    """What the entry is given beside its content."""
    return Metadata(
        mode_of(node), node.uid, node.gid, node.atime_ns, node.mtime_ns, dict(node.attributes)
    )
