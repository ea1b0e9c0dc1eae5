"""Restores by direct calls, and repositories to restore from."""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from commands import PASSWORD, restic
from container_agent.repository.blobs import BlobKind
from container_agent.repository.repository import Repository
from container_agent.repository.snapshots import Snapshot
from container_agent.repository.stores import LocalStore
from container_agent.repository.trees import Node, encode_tree
from container_agent.session.restore import restore
from container_agent.session.restore_crawl import restore_crawl
from container_agent.session.restore_finish import restore_finish
from container_agent.session.tally import Tally
from container_agent.session.verify import verify
from container_agent.session.verify_packs import PacksToVerify, verify_packs
from sluicegate.v1 import outcome_pb2, slice_pb2

RANGE_BYTES = 4 << 20
SMALL_SLICES = slice_pb2.Cutting(slice_bytes=8 << 20, slice_files=37, range_bytes=RANGE_BYTES)


def opened(location: Path) -> Repository:
    """A repository as it is now."""
    repository = Repository.open(LocalStore(str(location)), PASSWORD.encode())
    repository.load_index()
    return repository


def backed_up(source: Path, location: Path) -> Repository:
    """A repository that restic has made, with one snapshot of a tree."""
    restic(location, "init")
    restic(location, "backup", source)
    return opened(location)


def plan_for(target: Path, include: bytes = b"", snapshot: str = "latest") -> slice_pb2.RestorePlan:
    return slice_pb2.RestorePlan(snapshot=snapshot, target=os.fsencode(target), include=include)


def cuts_of(
    repository: Repository,
    plan: slice_pb2.RestorePlan,
    cutting: slice_pb2.Cutting = SMALL_SLICES,
    start: slice_pb2.Position | None = None,
) -> list[outcome_pb2.Cut]:
    """The cuts that a crawl tells."""
    cuts: list[outcome_pb2.Cut] = []
    work = slice_pb2.RestoreCrawlWork(
        plan=plan, start=start or slice_pb2.Position(), cutting=cutting
    )
    told: list[bytes] = []

    def report(made: Sequence[outcome_pb2.Cut], snapshot_id: bytes) -> None:
        cuts.extend(made)
        told.append(snapshot_id)

    snapshot_id = restore_crawl(work, repository, report, Tally())
    assert set(told) == {snapshot_id}
    return cuts


def restore_slices(
    repository: Repository,
    plan: slice_pb2.RestorePlan,
    cuts: Iterable[outcome_pb2.Cut],
    range_bytes: int = RANGE_BYTES,
) -> Tally:
    """Has the slices written, in the given order."""
    tally = Tally()
    for cut in cuts:
        work = slice_pb2.RestoreWork(plan=plan, span=cut.span, range_bytes=range_bytes)
        restore(work, repository, tally)
    return tally


def finish(
    repository: Repository, plan: slice_pb2.RestorePlan, range_bytes: int = RANGE_BYTES
) -> Tally:
    """Does what comes last."""
    tally = Tally()
    work = slice_pb2.RestoreFinishWork(plan=plan, range_bytes=range_bytes)
    restore_finish(work, repository, tally)
    return tally


def restore_all(repository: Repository, plan: slice_pb2.RestorePlan) -> Tally:
    """Crawl, slices, finish; what could not be written, of all."""
    tally = restore_slices(repository, plan, cuts_of(repository, plan))
    last = finish(repository, plan)
    tally.unread += last.unread
    tally.files += last.files
    return tally


def verified(repository: Repository, snapshot: str = "", part: tuple[int, int] | None = None):
    """A verify as its slices do it, one after the other; counted together."""
    chosen = slice_pb2.Part(number=part[0], parts=part[1]) if part else None
    work = slice_pb2.VerifyWork(snapshot=snapshot, part=chosen)
    cuts, tally, packs = [], Tally(), PacksToVerify(repository)
    snapshot_id = verify(work, repository, lambda made, _: cuts.extend(made), tally)
    for cut in cuts:
        slice_work = slice_pb2.VerifyPacksWork(
            snapshot=snapshot_id.hex(), part=chosen, span=cut.span
        )
        verify_packs(slice_work, repository, packs, tally)
    return tally


def damage(tally: Tally) -> str:
    """What was found, a line each."""
    assert {reason for _, reason, _ in tally.unread} <= {outcome_pb2.UNREAD_REASON_DAMAGED}
    return "\n".join(f"{path.decode()}: {told}" for path, _, told in tally.unread)


class Forged:
    """A repository whose trees are made by hand, as whoever has its password could."""

    def __init__(self, location: Path) -> None:
        store = LocalStore(str(location))
        Repository.create(store, PASSWORD.encode())
        self.repository = Repository.open(store, PASSWORD.encode())
        self._writer = self.repository.writer()
        self._time_ns = 0

    def data(self, content: bytes) -> bytes:
        return self._put(BlobKind.DATA, content)

    def file(self, name: bytes, data: bytes = b"forged", **fields) -> Node:
        fields = {"size": len(data), "links": 1, "content": (self.data(data),)} | fields
        return Node(name, "file", 0o644, **fields)

    def directory(self, name: bytes, *nodes: Node) -> Node:
        return Node(name, "dir", 0o755 | 1 << 31, subtree=self._tree(nodes))

    def symlink(self, name: bytes, target: bytes) -> Node:
        return Node(name, "symlink", 0o777 | 1 << 27, links=1, linktarget=target)

    def snapshot(self, *nodes: Node) -> Repository:
        """The repository with a snapshot that is its latest."""
        return self._save(self._tree(nodes))

    def _save(self, tree: bytes) -> Repository:
        self._writer.flush()
        self._time_ns += 1
        snapshot = Snapshot(time_ns=self._time_ns, tree=tree, paths=("/forged",))
        self.repository.save_snapshot(snapshot)
        return self.repository

    def close(self) -> None:
        self._writer.close()

    def told(self, **fields) -> Repository:
        """A snapshot with one node that is JSON of any kind."""
        zero = "1970-01-01T00:00:00Z"
        node = {"name": "n", "type": "file", "uid": 0, "gid": 0, "content": None}
        node |= {"mtime": zero, "atime": zero, "ctime": zero} | fields
        return self._save(self._put(BlobKind.TREE, json.dumps({"nodes": [node]}).encode()))

    def raw(self, blob: bytes) -> Repository:
        """A snapshot with a tree of any bytes."""
        return self._save(self._put(BlobKind.TREE, blob))

    def above(self, name: bytes, blob: bytes) -> Node:
        """A directory with a tree of any bytes."""
        return Node(name, "dir", 0o755 | 1 << 31, subtree=self._put(BlobKind.TREE, blob))

    def _tree(self, nodes: Iterable[Node]) -> bytes:
        return self._put(BlobKind.TREE, encode_tree(nodes))

    def _put(self, kind: BlobKind, blob: bytes) -> bytes:
        blob_id = hashlib.sha256(blob).digest()
        self._writer.put(kind, blob_id, blob)
        return blob_id
