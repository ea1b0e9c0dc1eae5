"""Brings the blobs of large files to their places, a few at a time."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from container_agent.repository.blobs import BlobKind
from container_agent.repository.chunking import MAXIMUM_BYTES, zeros_id
from container_agent.repository.errors import BlobMissing, RepositoryDamaged
from container_agent.repository.repository import Repository
from container_agent.session.tally import Tally
from container_agent.storage.write_entries import write_sparse

THREADS = 2
# Waiting jobs are small; what bounds the memory is one blob for each thread.
JOBS_MAX = 16
LOOK_SECONDS = 1.0


class FileWritten:
    """What became of a file whose blobs are on their way."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.failure: OSError | BlobMissing | RepositoryDamaged | None = None


class BlobMover:
    """Two threads that read, decrypt and write, most of the time without the interpreter's lock.

    Its jobs are settled in the order in which they came, by the thread that gives them.
    """

    def __init__(self, repository: Repository, tally: Tally) -> None:
        self._repository = repository
        self._tally = tally
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="restore")
        self._jobs: deque[Future[int] | Callable[[], None]] = deque()
        # Blobs that were found to hold nothing but zeros: a terabyte of them is read once.
        self._zeros = {zeros_id(MAXIMUM_BYTES)}

    def move(self, blob_id: bytes, file: FileWritten, offset: int) -> None:
        """Has a blob written at an offset of an open file, soon. Where it would write zeros, the
        file must have a hole."""
        if blob_id in self._zeros:
            return
        while len(self._jobs) >= JOBS_MAX:
            self._settle_first()
        self._jobs.append(self._threads.submit(self._move, blob_id, file, offset))

    def then(self, action: Callable[[], None]) -> None:
        """Has something done by this thread when all that was given before is settled."""
        self._jobs.append(action)

    def settle(self) -> None:
        """Waits until everything is settled."""
        while self._jobs:
            self._settle_first()

    def close(self) -> None:
        """Ends the threads; what was not begun is not done."""
        self._threads.shutdown(cancel_futures=True)
        self._jobs.clear()

    def _settle_first(self) -> None:
        job = self._jobs.popleft()
        if not isinstance(job, Future):
            job()
            return
        while True:
            self._tally.check()
            try:
                self._tally.read_bytes += job.result(LOOK_SECONDS)
            except TimeoutError:
                continue
            return

    def _move(self, blob_id: bytes, file: FileWritten, offset: int) -> int:
        """In a thread: reads and writes one blob."""
        try:
            data = self._repository.read_blob(BlobKind.DATA, blob_id)
            if not write_sparse(file.descriptor, data, offset):
                self._zeros.add(blob_id)
        except (OSError, BlobMissing, RepositoryDamaged) as failure:
            file.failure = failure
            return 0
        return len(data)
