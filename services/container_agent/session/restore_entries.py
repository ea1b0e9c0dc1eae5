"""Entries of a repository's trees as the entries of a file system that they stand for.

They stay as the JSON of their tree tells them: a walk that needs only sizes, or files that need
only half of it, do not pay for whole nodes.
"""

import stat
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, NamedTuple

import msgspec

from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import RepositoryDamaged
from container_agent.repository.quoting import unquote
from container_agent.repository.times import parse_time
from container_agent.storage.write_metadata import Metadata
from sluicegate.rpc.text import printable

FORBIDDEN = frozenset((b"", b".", b".."))
NOT_TREES = (msgspec.MsgspecError, ValueError, RecursionError)
PERMISSIONS = 0o777
# Go keeps these apart from the permissions.
SPECIAL_BITS = ((1 << 23, stat.S_ISUID), (1 << 22, stat.S_ISGID), (1 << 20, stat.S_ISVTX))

Count = Annotated[int, msgspec.Meta(ge=0)]
Owner = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]


class ToldAttribute(msgspec.Struct, gc=False):
    """An extended attribute; Go tells an empty value as none."""

    name: str
    value: bytes | None = None


class Told(msgspec.Struct, gc=False):
    """A node as a tree's JSON tells it, of which every field has its type."""

    name: str
    type: str
    mode: Count = 0
    mtime: str = ""
    atime: str = ""
    uid: Owner | None = None
    gid: Owner | None = None
    inode: Count = 0
    device_id: Count = 0
    size: Count = 0
    links: Count = 0
    linktarget: str = ""
    linktarget_raw: bytes | None = None
    extended_attributes: list[ToldAttribute] | None = None
    device: Count = 0
    content: list[str] | None = None
    subtree: str | None = None


class ToldTree(msgspec.Struct, gc=False):
    """A tree."""

    nodes: list[Told] | None


class Glimpse(msgspec.Struct, gc=False):
    """As much of a node as says whether more of it is needed."""

    type: str
    size: Count = 0
    links: Count = 0


class GlimpsedTree(msgspec.Struct, gc=False):
    """A tree of which nothing more is needed, perhaps."""

    nodes: list[Glimpse] | None


_trees = msgspec.json.Decoder(ToldTree)
_glimpses = msgspec.json.Decoder(GlimpsedTree)


class Entry(NamedTuple):
    """An entry of a tree, whose name has been checked. RepositoryDamaged when it is none."""

    name: bytes
    told: Told

    @property
    def is_directory(self) -> bool:
        """True for a directory."""
        return self.told.type == "dir"

    @property
    def is_file(self) -> bool:
        """True for a regular file."""
        return self.told.type == "file"

    @property
    def is_hard_linked(self) -> bool:
        """True for a file that has other names, which the finish makes one again."""
        told = self.told
        return told.links > 1 and told.inode > 0 and told.type == "file"

    @property
    def size(self) -> int:
        """The size of a file."""
        return self.told.size

    def subtree(self) -> bytes:
        """The id of a directory's tree."""
        try:
            return bytes.fromhex(self.told.subtree or "none")
        except ValueError as error:
            raise self._damaged() from error

    def content(self) -> list[bytes]:
        """The ids of a file's blobs."""
        try:
            return list(map(bytes.fromhex, self.told.content or ()))
        except ValueError as error:
            raise self._damaged() from error

    def metadata(self) -> Metadata:
        """What the entry is given beside its content."""
        told = self.told
        uid, gid, mtime, atime = told.uid, told.gid, told.mtime, told.atime
        if uid is None or gid is None:
            raise self._damaged()
        try:
            mtime_ns = time_of(mtime)
            atime_ns = mtime_ns if atime == mtime else time_of(atime)
        except ValueError as error:
            raise self._damaged() from error
        attributes: tuple[tuple[str, bytes], ...] = ()
        if told.extended_attributes:
            attributes = tuple((a.name, a.value or b"") for a in told.extended_attributes)
        return Metadata(mode_of(told.mode), uid, gid, atime_ns, mtime_ns, attributes)

    def linktarget(self) -> bytes:
        """What a symbolic link points to. What is not UTF-8 is told raw, beside what is near it."""
        told = self.told
        return told.linktarget_raw or told.linktarget.encode()

    def _damaged(self) -> RepositoryDamaged:
        return RepositoryDamaged(f"The entry {printable(self.name)} of a tree is damaged.")


def never(blob: bytes) -> bool:
    """No tree is needless."""
    return False


def small_files_alone(blob: bytes, range_bytes: int) -> bool:
    """True for a tree of nothing but files of one name and no larger than the range size."""
    try:
        nodes = _glimpses.decode(blob).nodes or ()
    except NOT_TREES:
        return False
    for node in nodes:
        if node.type != "file" or node.links > 1 or node.size > range_bytes:
            return False
    return True


@lru_cache(4096)
def mode_of(mode: int) -> int:
    """Go's mode as chmod takes it."""
    bits = mode & PERMISSIONS
    for theirs, ours in SPECIAL_BITS:
        if mode & theirs:
            bits |= ours
    return bits


def time_of(text: str) -> int:
    """A time in nanoseconds since 1970; ValueError when it is none. Files that were written
    together share their second, which is taken apart once."""
    zone = "Z" if text[-1:] == "Z" else text[-6:]
    fraction = text[20 : -len(zone)]
    if text[19:20] == "." and fraction.isdecimal() and fraction.isascii():
        return second_of(text[:19] + zone) + int(fraction[:9].ljust(9, "0"))
    return parse_time(text)


second_of = lru_cache(65536)(parse_time)


def read_tree(
    read_blob: Callable[[BlobKind, bytes], bytes],
    tree_id: bytes,
    needless: Callable[[bytes], bool] = never,
) -> list[Entry]:
    """The entries of a directory in byte order. A name that is more than a name is damage.

    A tree that is needless, going by its blob, is taken for empty.
    """
    blob = read_blob(BlobKind.TREE, tree_id)
    if needless(blob):
        return []
    try:
        nodes = _trees.decode(blob).nodes or []
        names = [unquote(told.name) for told in nodes]
    except NOT_TREES as error:
        raise RepositoryDamaged(f"The tree {tree_id.hex()[:16]} is no tree.") from error
    check_names(names, tree_id)
    entries = list(map(Entry, names, nodes))
    if names != sorted(names):
        entries.sort(key=name_of)
    return entries


def name_of(entry: Entry) -> bytes:
    """What entries are sorted by."""
    return entry.name


def check_names(names: list[bytes], tree_id: bytes) -> None:
    """RepositoryDamaged when one is more than a name, or comes twice."""
    seen = set(names)
    text = b"\0".join(names)
    if (
        len(seen) == len(names)
        and FORBIDDEN.isdisjoint(seen)
        and b"/" not in text
        and text.count(b"\0") == max(len(names) - 1, 0)
    ):
        return
    before: set[bytes] = set()
    for name in names:
        if name in FORBIDDEN or b"/" in name or b"\0" in name or name in before:
            raise RepositoryDamaged(
                f"The tree {tree_id.hex()[:16]} holds the impossible name {printable(name)!r}."
            )
        before.add(name)
