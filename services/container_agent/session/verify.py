"""VERIFY: follows all that snapshots refer to, and cuts the packs to be read into slices."""

from collections.abc import Iterable, Iterator, Sequence

from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import BlobMissing, RepositoryDamaged
from container_agent.repository.repository import Repository
from container_agent.session.crawl import CUTS_AT_ONCE, Report
from container_agent.session.restore_entries import read_tree
from container_agent.session.tally import Tally
from sluicegate.v1 import outcome_pb2, slice_pb2

# Packs have some 16 to 64 MiB: so a slice takes seconds.
PACKS_PER_SLICE = 16


def verify(
    work: slice_pb2.VerifyWork, repository: Repository, report_cuts: Report, tally: Tally
) -> bytes:
    """Tells the cuts from `work.start` on; what is missing is listed. Returns the snapshot's id,
    nothing when all are verified.

    Every tree is read and every blob of a file must be known, also when only some packs are read.
    """
    for name in repository.damaged_files():
        tally.check()
        list_damage(tally, name, "its name is not its hash")
    references = References(repository, tally)
    snapshot_id = b""
    if work.snapshot:
        snapshot = repository.find_snapshot(work.snapshot)
        snapshot_id = snapshot.snapshot_id
        references.follow([snapshot.tree])
    else:
        references.follow(snapshot.tree for snapshot in repository.snapshots())
    packs = sorted(references.packs) if work.snapshot else repository.packs()
    packs = [pack for pack in packs if pack.hex().encode() >= work.start.path]
    chosen = [pack for pack in packs if is_in_part(pack, work.part)]
    cuts = list(cuts_of(chosen, work.start))
    for at in range(0, len(cuts), CUTS_AT_ONCE):
        report_cuts(cuts[at : at + CUTS_AT_ONCE], snapshot_id)
    return snapshot_id


def is_in_part(pack_id: bytes, part: slice_pb2.Part) -> bool:
    """Whether a pack belongs to a part; an empty message is all of them."""
    return not part.parts or (pack_id[0] + 1 - part.number) % part.parts == 0


def cuts_of(packs: Sequence[bytes], start: slice_pb2.Position) -> Iterator[outcome_pb2.Cut]:
    """Spans of packs in order of their ids, which lie end to end from a start."""
    for at in range(0, len(packs), PACKS_PER_SLICE):
        end = min(at + PACKS_PER_SLICE, len(packs))
        stop = slice_pb2.Position(path=packs[end].hex().encode()) if end < len(packs) else None
        yield outcome_pb2.Cut(span=slice_pb2.Span(start=start, stop=stop), files=end - at)
        start = stop or start


class References:
    """What snapshots refer to: every tree is read once, every blob of a file must be stored."""

    def __init__(self, repository: Repository, tally: Tally) -> None:
        self._repository = repository
        self._read_blob = repository.reader().read_blob
        self._tally = tally
        self._seen: set[bytes] = set()
        self.packs: set[bytes] = set()

    def follow(self, trees: Iterable[bytes]) -> None:
        """Follows trees to all that they refer to. What is missing or damaged is listed."""
        waiting = [tree for tree in trees if self._is_new(tree)]
        while waiting:
            self._tally.check()
            waiting += self._subtrees(waiting.pop())

    def _is_new(self, tree: bytes) -> bool:
        new = tree not in self._seen
        self._seen.add(tree)
        return new

    def _subtrees(self, tree: bytes) -> Iterator[bytes]:
        if not self._is_stored(BlobKind.TREE, tree):
            return
        try:
            for entry in read_tree(self._read_blob, tree):
                for blob_id in entry.content():
                    self._is_stored(BlobKind.DATA, blob_id)
                if entry.is_directory and self._is_new(subtree := entry.subtree()):
                    yield subtree
        except (BlobMissing, RepositoryDamaged) as fault:
            list_damage(self._tally, f"tree {tree.hex()}", str(fault))

    def _is_stored(self, kind: BlobKind, blob_id: bytes) -> bool:
        pack = self._repository.pack_of(kind, blob_id)
        if pack is None:
            told = f"the {kind.word} blob {blob_id.hex()[:16]} is in no pack"
            list_damage(self._tally, f"{kind.word} {blob_id.hex()}", told)
            return False
        self.packs.add(pack)
        return True


def list_damage(tally: Tally, name: str, told: str) -> None:
    """Lists what is not as it was written."""
    tally.list_unread(name.encode(), outcome_pb2.UNREAD_REASON_DAMAGED, told)
