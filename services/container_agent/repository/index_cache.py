"""The cache of a host: for each repository that is worth it one index file, made by whoever needs
it first. Without a cache, or with one that takes nothing, indexes are in memory.
"""

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from container_agent.repository.index_file import IndexFile, IndexFileBroken
from container_agent.repository.index_making import (
    CacheUnusable,
    cached,
    make_index_file,
    unusable,
)
from container_agent.repository.index_table import Table, TableBuilder, table_of

# What may be in the memory of each session beside the file: rows, or of a large file so large a
# part, 16 MB with ten million; and index files, each of which is read at each opening.
ROWS_MAX = 100_000
ROWS_PART = 32
NAMES_MAX = 500
# Ten million blobs take half a minute.
WAIT_SECONDS = 120.0
LOOK_SECONDS = 0.05
# A file that breaks, and breaks again when it was made anew, is on a medium to leave alone.
BREAKS_MAX = 2
UNUSED_SECONDS = 30 * 86400
FILE, LOCK = "index", "lock"

log = logging.getLogger(__name__)
Read = Callable[[Sequence[str]], Iterable[bytes]]
Loaded = tuple[IndexFile | None, Table]


class IndexCache:
    """The index file of one repository, in a directory of its own below the cache.

    Only the user may look into it. `secret` is 32 bytes that follow from the repository's key.
    """

    def __init__(self, cache: Path | None, repository_id: str, secret: bytes) -> None:
        self._directory = None if cache is None else cache / repository_id
        self._secret = secret
        self._breaks = 0

    def load(self, names: Sequence[str], read: Read) -> Loaded:
        """What the named index files name: in a file, as far as that is worth it, and what came
        since, or all, as a table. RepositoryDamaged; or what storage says."""
        if self._directory is not None and self._breaks < BREAKS_MAX:
            try:
                return self._load(self._directory, names, read)
            except CacheUnusable as failure:
                log.warning(
                    "The index of the repository is held in memory: the cache %s cannot be used"
                    " (%s).", self._directory, failure,
                )  # fmt: skip
        return None, table_of(read(names))

    def broken(self, file: IndexFile) -> None:
        """A file turned out to be broken: it is not used again."""
        log.warning("The index file in %s is broken and not used any more.", self._directory)
        self._breaks += 1
        if self._directory is not None:
            with suppress(OSError):
                if os.path.samestat((self._directory / FILE).stat(), file.status):
                    (self._directory / FILE).unlink()

    def _load(self, directory: Path, names: Sequence[str], read: Read) -> Loaded:
        file = self._fitting(directory, names)
        if (table := small_table(file, names, read)) is not None:
            return file, table
        make_private(directory)
        with only_maker(directory):
            # Another may have made it while this one waited.
            file = self._fitting(directory, names)
            if (table := small_table(file, names, read)) is not None:
                return file, table
            remove_unused(directory.parent)
            file = self._make(directory, file, names, read)
        return file, table_of([])

    def _fitting(self, directory: Path, names: Sequence[str]) -> IndexFile | None:
        """The file, if all of it is still named."""
        path = directory / FILE
        try:
            file = IndexFile(path, self._secret)
        except FileNotFoundError:
            return None
        except IndexFileBroken as failure:
            log.warning("The index file in %s is made anew: %s.", directory, failure)
            return None
        except OSError as failure:
            raise unusable(failure) from failure
        if not file.names <= frozenset(map(bytes.fromhex, names)):
            return None
        with suppress(OSError):
            os.utime(path)
        return file

    def _make(
        self, directory: Path, base: IndexFile | None, names: Sequence[str], read: Read
    ) -> IndexFile:
        path, began = directory / FILE, time.monotonic()
        wanted = list(map(bytes.fromhex, names))
        try:
            make_index_file(path, self._secret, base, wanted, read(further(base, names)))
        except IndexFileBroken:
            make_index_file(path, self._secret, None, wanted, read(names))
        try:
            with cached():
                file = IndexFile(path, self._secret)
        except IndexFileBroken as failure:
            raise CacheUnusable(f"what was just written is broken: {failure}") from failure
        seconds = time.monotonic() - began
        log.info("Made the index file of %d blobs in %.1f s.", file.counts.rows, seconds)
        return file


def small_table(file: IndexFile | None, names: Sequence[str], read: Read) -> Table | None:
    """What is named and not in the file, or None when that is too much to have beside it."""
    rest = further(file, names)
    if len(rest) > NAMES_MAX:
        return None
    rows_max = ROWS_MAX if file is None else max(ROWS_MAX, file.counts.rows // ROWS_PART)
    builder = TableBuilder()
    for document in read(rest):
        builder.add_document(document)
        if len(builder) > rows_max:
            return None
    return builder.build()


def further(file: IndexFile | None, names: Sequence[str]) -> Sequence[str]:
    """The index files whose blobs are not in the file."""
    return names if file is None else [x for x in names if bytes.fromhex(x) not in file.names]


def make_private(directory: Path) -> None:
    """A directory that only this user can look into; CacheUnusable when it cannot be one."""
    with cached():
        for each in (directory.parent, directory):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def only_maker(directory: Path) -> Iterator[None]:
    """Alone among all sessions of the host, after a wait if need be. CacheUnusable when it takes
    another longer than two minutes. Who dies is out of the way at once."""
    with cached():
        lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + WAIT_SECONDS
        while not taken(lock):
            if time.monotonic() > until:
                raise CacheUnusable(f"another has been making it for {WAIT_SECONDS:g} s")
            time.sleep(LOOK_SECONDS)
        yield
    finally:
        os.close(lock)


def taken(lock: int) -> bool:
    """Whether this one has the lock now."""
    with cached():
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def remove_unused(cache: Path) -> None:
    """Removes the files of repositories that nobody has opened for 30 days."""
    for file in cache.glob(f"*/{FILE}"):
        with suppress(OSError):
            if time.time() - file.stat().st_mtime > UNUSED_SECONDS:
                file.unlink()
