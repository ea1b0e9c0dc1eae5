"""VERIFY_PACKS: reads packs back and checks every hash."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from container_agent.repository.repository import Repository
from container_agent.repository.verification import PackReport
from container_agent.session.tally import Tally
from container_agent.session.verify import References, is_in_part, list_damage
from sluicegate.v1 import slice_pb2

# Each thread holds a whole pack.
THREADS = 2
LOOK_SECONDS = 1.0


class PacksToVerify:
    """The packs of a verify, listed once for all of its slices that a session gets."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._snapshot: str | None = None
        self._packs: list[bytes] = []

    def of(self, work: slice_pb2.VerifyPacksWork, tally: Tally) -> list[bytes]:
        """Those of a slice, in order of their ids."""
        if self._snapshot != work.snapshot:
            self._packs = self._listed(work.snapshot, tally)
            self._snapshot = work.snapshot
        first = _place(self._packs, work.span.start.path)
        last = len(self._packs)
        if work.span.HasField("stop"):
            last = _place(self._packs, work.span.stop.path)
        packs = self._packs[first:last]
        return [pack for pack in packs if is_in_part(pack, work.part)]

    def _listed(self, snapshot: str, tally: Tally) -> list[bytes]:
        if not snapshot:
            return self._repository.packs()
        # What it refers to and is missing was listed by the slice that made the cuts.
        references = References(self._repository, Tally(stopping=tally.stopping))
        references.follow([self._repository.find_snapshot(snapshot).tree])
        return sorted(references.packs)


def _place(packs: list[bytes], path: bytes) -> int:
    return bisect_left(packs, path, key=lambda pack: pack.hex().encode())


def verify_packs(
    work: slice_pb2.VerifyPacksWork, repository: Repository, packs: PacksToVerify, tally: Tally
) -> bytes:
    """Reads the packs of a span whole. What is not as it was written is listed, a pack each."""
    for report in _verified(repository, packs.of(work, tally), tally):
        tally.read_bytes += report.read_bytes
        tally.blobs += report.blobs
        if report.errors:
            more = f"; and {len(report.errors) - 1} more" if len(report.errors) > 1 else ""
            list_damage(tally, f"pack {report.pack_id.hex()}", report.errors[0] + more)
    return b""


def _verified(repository: Repository, packs: Iterable[bytes], tally: Tally) -> Iterator[PackReport]:
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
