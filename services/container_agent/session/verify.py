"""VERIFY: reads packs back and checks every hash."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import BlobMissing, RepositoryDamaged
from container_agent.repository.repository import Repository
from container_agent.repository.verification import PackReport
from container_agent.session.restore_entries import read_tree
from container_agent.session.tally import Tally
from sluicegate.v1 import slice_pb2

# Each thread holds a whole pack.
THREADS = 2
LOOK_SECONDS = 1.0
NAMED_MAX = 5


def verify(work: slice_pb2.VerifyWork, repository: Repository, tally: Tally) -> bytes:
    """Reads every pack, or those of one snapshot, and follows every tree to its files' blobs.

    RepositoryDamaged when something is not what was written; only at the end, so that one line
    says how much it is.
    """
    faults = Faults()
    if work.snapshot:
        trees = [repository.find_snapshot(work.snapshot).tree]
    else:
        trees = [snapshot.tree for snapshot in repository.snapshots()]
    references = References(repository, tally, faults)
    references.follow(trees)
    packs = references.packs if work.snapshot else repository.packs()
    for report in verified(repository, packs, tally):
        tally.read_bytes += report.read_bytes
        tally.blobs += report.blobs
        faults.add(report.errors)
    faults.raise_if_any()
    return b""


class Faults:
    """What is wrong: the first few in words, and how many there are."""

    def __init__(self) -> None:
        self._named: list[str] = []
        self._count = 0

    def add(self, faults: Sequence[str]) -> None:
        """Notes the faults of one thing; the first stands for the others."""
        self._count += len(faults)
        if faults and len(self._named) < NAMED_MAX:
            self._named.append(faults[0].rstrip("."))

    def raise_if_any(self) -> None:
        """RepositoryDamaged when there was one."""
        if self._count:
            named = "; ".join(self._named)
            others = self._count - len(self._named)
            more = f"; and {others} more" if others else ""
            raise RepositoryDamaged(
                f"The repository is damaged in {self._count} places: {named}{more}."
            )


class References:
    """What snapshots refer to: every tree is read once, every blob of a file must be stored."""

    def __init__(self, repository: Repository, tally: Tally, faults: Faults) -> None:
        self._repository = repository
        self._read_blob = repository.reader().read_blob
        self._tally = tally
        self._faults = faults
        self._seen: set[bytes] = set()
        self.packs: set[bytes] = set()

    def follow(self, trees: Iterable[bytes]) -> None:
        """Follows trees to all that they refer to."""
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
            self._faults.add([str(fault)])

    def _is_stored(self, kind: BlobKind, blob_id: bytes) -> bool:
        pack = self._repository.pack_of(kind, blob_id)
        if pack is None:
            self._faults.add([f"the {kind.word} blob {blob_id.hex()[:16]} is in no pack"])
            return False
        self.packs.add(pack)
        return True


def verified(repository: Repository, packs: Iterable[bytes], tally: Tally) -> Iterator[PackReport]:
    """Checks packs side by side."""
    coming = iter(packs)
    running: set[Future[PackReport]] = set()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="verify") as threads:
        while True:
            tally.check()
            while len(running) < THREADS and (pack := next(coming, None)) is not None:
                running.add(threads.submit(repository.verify_pack, pack))
            if not running:
                return
            done, running = wait(running, LOOK_SECONDS, FIRST_COMPLETED)
            yield from (report.result() for report in done)
