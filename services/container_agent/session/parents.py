"""The parent repository snapshot, walked in step with the live tree."""

import json
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress

from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import BlobMissing, RepositoryDamaged, SnapshotUnknown
from container_agent.repository.quoting import unquote
from container_agent.repository.repository import Repository
from container_agent.repository.trees import Node, decode_node, encode_attributes
from container_agent.session.content import Content
from container_agent.storage.metadata import Attributes
from container_agent.storage.walk import Components

# Where a node begins. Within strings quotes are escaped, and attributes have values, not types.
NODE = re.compile(r'\{"name":("(?:[^"\\]|\\.)*"),"type":')
# The end of a node of a file without attributes.
CONTENT = re.compile(r'"content":\[((?:"[0-9a-f]{64}",?)*)\]}')
DECODER = json.JSONDecoder()


class ParentDirectory:
    """A directory as the parent has it: loaded when something is looked up in it, and gone through
    once, in step with the walk. Names must be asked for in byte order."""

    __slots__ = ("_name", "_nodes", "_repository", "_start", "_tree", "_tree_id")

    def __init__(self, repository: Repository, tree_id: bytes | None) -> None:
        self._repository = repository
        self._tree_id = tree_id
        self._tree = ""
        # The node that is next, and those after it.
        self._name: bytes | None = b""
        self._start = 0
        self._nodes: Iterator[re.Match[str]] | None = None

    def has(self, name: bytes) -> bool:
        """Whether the parent has something by that name."""
        if self._nodes is None:
            self._tree = self._load()
            self._nodes = NODE.finditer(self._tree)
            self._advance(self._nodes)
        while self._name is not None and self._name < name:
            self._advance(self._nodes)
        return self._name == name

    def get(self, name: bytes) -> Node | None:
        """What the parent has by that name."""
        return self._decode() if self.has(name) else None

    def end_of(self, name: bytes, start: str) -> re.Match[str] | None:
        """What follows in the node of that name when it begins just so and tells nothing then but
        its content: to compare what is told costs a third of reading it."""
        if self.has(name) and self._tree.startswith(start, self._start):
            return CONTENT.match(self._tree, self._start + len(start))
        return None

    def below(self, name: bytes) -> "ParentDirectory":
        """A directory in this one; an empty one when there is none of that name."""
        node = self.get(name)
        return ParentDirectory(self._repository, node.subtree if node is not None else None)

    def _load(self) -> str:
        """A tree that is damaged or gone only means that more must be read."""
        if self._tree_id is None:
            return ""
        try:
            return self._repository.read_blob(BlobKind.TREE, self._tree_id).decode()
        except (BlobMissing, RepositoryDamaged, UnicodeError):
            return ""

    def _advance(self, nodes: Iterator[re.Match[str]]) -> None:
        found = next(nodes, None)
        if found is None:
            self._name = None
            return
        quoted = found[1]
        self._name = quoted[1:-1].encode()
        if "\\" in quoted:
            try:
                self._name = unquote(json.loads(quoted))
            except ValueError:
                self._name = b""
        self._start = found.start()

    def _decode(self) -> Node | None:
        try:
            return decode_node(DECODER.raw_decode(self._tree, self._start)[0])
        except (ValueError, KeyError, TypeError):
            return None


def ids_in(content: str) -> list[str]:
    """The ids in the text of a list of them."""
    return content[1:-1].split('","') if content else []


class ParentSystem(ParentDirectory):
    """What stands above the root of a whole file system: whatever is asked for is the root."""

    def below(self, name: bytes) -> ParentDirectory:
        return ParentDirectory(self._repository, self._tree_id)


def parent_of(repository: Repository, snapshot_id: str, asset_path: Components) -> ParentDirectory:
    """What the parent has where the asset's root lies; empty when there is none any more."""
    tree_id = None
    if snapshot_id:
        with suppress(SnapshotUnknown):
            tree_id = repository.find_snapshot(snapshot_id).tree
    if not asset_path:
        return ParentSystem(repository, tree_id)
    directory = ParentDirectory(repository, tree_id)
    for name in asset_path[:-1]:
        directory = directory.below(name)
    return directory


class ParentFiles:
    """Content that is taken over from a parent whose blobs are all in the repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def unchanged(
        self, known: Node, status: os.stat_result, first: int, last: int | None
    ) -> Content | None:
        """The content of a file that is as the parent knows it; None when it must be read."""
        if (
            known.content is None
            or known.size != status.st_size
            or known.mtime_ns != status.st_mtime_ns
            or known.ctime_ns != status.st_ctime_ns
            or known.inode != status.st_ino
            or not stat.S_ISREG(status.st_mode)
        ):
            return None
        ids, size = known.content, known.size
        if first or last is not None:
            last = known.size if last is None else min(last, known.size)
            part = self._between(known.content, first, last)
            if part is None:
                return None
            ids, size = part, max(last - first, 0)
        if not self.are_there(ids):
            return None
        attributes = f"{encode_attributes(known.attributes)}," if known.attributes else ""
        return Content(status, Attributes(attributes), size, [i.hex() for i in ids], False)

    def are_there(self, ids: Iterable[bytes]) -> bool:
        """Whether the repository has all of these blobs."""
        return all(self._repository.has(BlobKind.DATA, blob_id) for blob_id in ids)

    def _between(
        self, content: tuple[bytes, ...], first: int, last: int
    ) -> tuple[bytes, ...] | None:
        """The blobs from one byte to another, when these are borders of blobs."""
        offset, part = 0, []
        for blob_id in content:
            if offset >= last:
                break
            size = self._repository.size_of(BlobKind.DATA, blob_id)
            if size is None or offset < first < offset + size:
                return None
            if offset >= first:
                part.append(blob_id)
            offset += size
        return tuple(part) if offset == last or first >= last else None
