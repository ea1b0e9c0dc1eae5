"""Entries of a repository's trees as the entries of a file system that they stand for.

They stay as the JSON of their tree tells them: a walk that needs only sizes, or files that need
only half of it, do not pay for whole nodes.
"""

import json
import re
import stat
from collections.abc import Callable
from typing import Any, NamedTuple

from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import RepositoryDamaged
from container_agent.repository.quoting import unquote
from container_agent.repository.repository import Repository
from container_agent.repository.times import parse_time
from container_agent.repository.trees import Node, decode_node
from container_agent.storage.write_metadata import Metadata
from sluicegate.rpc.text import printable

FORBIDDEN = frozenset((b"", b".", b".."))
NOT_TREES = (ValueError, KeyError, TypeError, AttributeError)
PERMISSIONS = 0o777
# Go keeps these apart from the permissions.
SPECIAL_BITS = ((1 << 23, stat.S_ISUID), (1 << 22, stat.S_ISGID), (1 << 20, stat.S_ISVTX))


class Entry(NamedTuple):
    """An entry of a tree, whose name has been checked. RepositoryDamaged when it is none."""

    name: bytes
    told: dict[str, Any]

    @property
    def is_directory(self) -> bool:
        """True for a directory."""
        return bool(self.told["type"] == "dir")

    @property
    def is_file(self) -> bool:
        """True for a regular file."""
        return bool(self.told["type"] == "file")

    @property
    def is_hard_linked(self) -> bool:
        """True for a file that has other names, which the finish makes one again."""
        told = self.told
        try:
            return bool(told.get("links", 0) > 1 and told.get("inode") and self.is_file)
        except NOT_TREES as error:
            raise self._damaged() from error

    @property
    def size(self) -> int:
        """The size of a file."""
        size = self.told.get("size", 0)
        if type(size) is not int or size < 0:
            raise self._damaged()
        return size

    def subtree(self) -> bytes:
        """The id of a directory's tree."""
        try:
            return bytes.fromhex(self.told["subtree"])
        except NOT_TREES as error:
            raise self._damaged() from error

    def content(self) -> list[bytes]:
        """The ids of a file's blobs."""
        try:
            return list(map(bytes.fromhex, self.told.get("content") or ()))
        except NOT_TREES as error:
            raise self._damaged() from error

    def metadata(self) -> Metadata:
        """What the entry is given beside its content."""
        told = self.told
        attributes = self.node().attributes if "extended_attributes" in told else ()
        try:
            mtime, atime = told["mtime"], told["atime"]
            mtime_ns = parse_time(mtime)
            atime_ns = mtime_ns if atime == mtime else parse_time(atime)
            mode, uid, gid = mode_of(told.get("mode", 0)), told["uid"], told["gid"]
            if (uid | gid) >> 32:
                raise self._damaged()
            return Metadata(mode, uid, gid, atime_ns, mtime_ns, attributes)
        except NOT_TREES as error:
            raise self._damaged() from error

    def node(self) -> Node:
        """All of it."""
        try:
            return decode_node(self.told)
        except NOT_TREES as error:
            raise self._damaged() from error

    def _damaged(self) -> RepositoryDamaged:
        return RepositoryDamaged(f"The entry {printable(self.name)} of a tree is damaged.")


def never(blob: bytes) -> bool:
    """No tree is needless."""
    return False


def small_files_alone(blob: bytes, range_bytes: int) -> bool:
    """True for a tree that surely holds only files of one name and below the range size.

    Each node must show that it is one, as restic writes it; no text within a string can look so.
    """
    nodes = blob.count(b'},{"name":"') + 1
    if not nodes == blob.count(b'"type":"file"') == blob.count(b'"links":1,'):
        return False
    return not re.search(rb'"size":\d{%d}' % len(str(range_bytes)), blob)


def mode_of(mode: int) -> int:
    """Go's mode as chmod takes it."""
    bits = mode & PERMISSIONS
    if mode >> 20:
        for theirs, ours in SPECIAL_BITS:
            if mode & theirs:
                bits |= ours
    return bits


def read_tree(
    repository: Repository, tree_id: bytes, needless: Callable[[bytes], bool] = never
) -> list[Entry]:
    """The entries of a directory in byte order. A name that is more than a name is damage.

    A tree that is needless, going by its blob, is taken for empty.
    """
    blob = repository.read_blob(BlobKind.TREE, tree_id)
    if needless(blob):
        return []
    try:
        entries = [Entry(unquote(told["name"]), told) for told in json.loads(blob)["nodes"] or ()]
        entries.sort(key=lambda entry: (entry.name, entry.told["type"]))
    except NOT_TREES as error:
        raise RepositoryDamaged(f"The tree {tree_id.hex()[:16]} is no tree.") from error
    before = None
    for name, _ in entries:
        if name in FORBIDDEN or b"/" in name or b"\0" in name or name == before:
            raise RepositoryDamaged(
                f"The tree {tree_id.hex()[:16]} holds the impossible name {printable(name)!r}."
            )
        before = name
    return entries
