"""Whether all that the slices of a backup have stored is still there.

Until a backup is sealed no snapshot refers to it, so a prune between two of its sessions takes it.
A prune may leave a tree and take what the tree refers to: so each is followed to its end, but where
the parent snapshot has the same tree, which it keeps.
"""

import json
import re
from collections.abc import Iterable, Iterator

from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import RepositoryDamaged
from container_agent.repository.quoting import unquote
from container_agent.repository.repository import Repository
from container_agent.session.parents import ParentDirectory
from container_agent.session.restore_entries import read_tree
from container_agent.session.tally import Tally
from container_agent.session.words import CLOSE, Event, Open, Piece

NAME_AT = len(b'{"name":')
# Within strings quotes are escaped, so these are fields.
CONTENT = re.compile(r'"content":\["([0-9a-f",]+)"\]')
SUBTREE = re.compile(r',"subtree":"([0-9a-f]{64})"}$')
DECODER = json.JSONDecoder()


class BlobGone(Exception):
    """No index names a blob that a slice has stored, or found stored."""


class Stored:
    """Looks through the records of a backup in their order. For one thread; memory for the trees
    between the root and one leaf, and 100 bytes for each pack of the repository.

    RepositoryDamaged when a pack is gone that an index names: nobody would store its blobs anew.
    """

    def __init__(
        self, repository: Repository, parent: ParentDirectory, root_name: bytes, tally: Tally
    ) -> None:
        self._repository = repository
        self._read_blob = repository.reader().read_blob
        self._nothing = ParentDirectory(repository, None)
        self._parents = [parent]
        self._root_name = root_name
        self._tally = tally
        self._packs = repository.packs_there()

    def read(self, blob_id: bytes) -> bytes:
        """A data blob; BlobGone when no index names it."""
        self._need(BlobKind.DATA, blob_id)
        return self._repository.read_blob(BlobKind.DATA, blob_id)

    def checked(self, events: Iterable[Event]) -> Iterator[Event]:
        """The events of a record, each when all that it refers to is there; else BlobGone."""
        for event in events:
            if isinstance(event, bytes):
                self._check_node(event.decode())
            elif isinstance(event, Piece):
                self._need_data(event.content)
            elif isinstance(event, Open):
                self._parents.append(self._parents[-1].below(event.name or self._root_name))
            elif event is CLOSE and len(self._parents) > 1:
                self._parents.pop()
            yield event

    def lose_place(self) -> None:
        """A record has ended anywhere: where those after it are in the parent is not known."""
        self._parents = [self._nothing]

    def _check_node(self, node: str) -> None:
        if content := CONTENT.search(node):
            self._need_data(content[1].split('","'))
        elif subtree := SUBTREE.search(node):
            name = unquote(DECODER.raw_decode(node, NAME_AT)[0])
            self._follow(bytes.fromhex(subtree[1]), name)

    def _follow(self, tree_id: bytes, name: bytes) -> None:
        waiting = self._unless_kept(self._parents[-1], tree_id, name)
        while waiting:
            self._tally.check()
            tree_id, parent = waiting.pop()
            self._need(BlobKind.TREE, tree_id)
            below: list[tuple[bytes, ParentDirectory]] = []
            for entry in read_tree(self._read_blob, tree_id):
                for blob_id in entry.content():
                    self._need(BlobKind.DATA, blob_id)
                if entry.is_directory:
                    below += self._unless_kept(parent, entry.subtree(), entry.name)
            # The first is next: so they are read in the order in which they were stored.
            waiting += reversed(below)

    def _unless_kept(
        self, parent: ParentDirectory, tree_id: bytes, name: bytes
    ) -> list[tuple[bytes, ParentDirectory]]:
        known = parent.get(name)
        if known is not None and known.subtree == tree_id:
            return []
        return [(tree_id, parent.below(name))]

    def _need_data(self, ids: Iterable[str]) -> None:
        for blob_id in ids:
            self._need(BlobKind.DATA, bytes.fromhex(blob_id))

    def _need(self, kind: BlobKind, blob_id: bytes) -> None:
        pack = self._repository.pack_of(kind, blob_id)
        if pack is None:
            raise BlobGone(f"the {kind.word} blob {blob_id.hex()[:16]} is in no pack")
        if pack not in self._packs:
            raise RepositoryDamaged(
                f"The pack {pack.hex()[:16]} is gone that an index names: "
                "run `restic repair index`, then back up again."
            )
