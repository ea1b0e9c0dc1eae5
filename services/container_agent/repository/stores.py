"""Where a repository's files lie. A file is written once, whole, and durable on return."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from container_agent.repository.errors import (
    RepositoryDamaged,
    RepositoryExists,
    RepositoryMissing,
    StorageFull,
)

FULL = (errno.ENOSPC, errno.EDQUOT)
DIRECTORY_MODE = 0o700
FILE_MODE = 0o400
KINDS = ("data", "index", "keys", "locks", "snapshots")
OPEN_FILES_MAX = 16
TEMPORARY = "sluicegate-tmp-"


class Store(Protocol):
    """The files of a repository by their names, such as `index/ab12…`."""

    def create(self) -> None:
        """Makes the place for a repository."""
        ...

    def names(self, kind: str) -> list[str]:
        """The names, without the kind, of all files of a kind: data, index, locks …"""
        ...

    def exists(self, name: str) -> bool:
        """Whether the file is there."""
        ...

    def read(self, name: str) -> bytes:
        """A whole file; FileNotFoundError when it is not there."""
        ...

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """A part of a file; RepositoryDamaged when it is shorter."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Writes a file that is not there yet; durable on return. StorageFull where no room is."""
        ...

    def remove(self, name: str) -> None:
        """Removes a file; one that is gone already is no error."""
        ...


class OpenFile:
    """A file that stays open as long as somebody reads in it."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        # A file that could not be opened has none.
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)


class LocalStore:
    """A directory. Files are written aside, synced, renamed, and their directory synced."""

    def __init__(self, location: str) -> None:
        self._root = Path(location)
        self._open_files: dict[str, OpenFile] = {}

    def __str__(self) -> str:
        return str(self._root)

    def create(self) -> None:
        """Makes the directories that restic makes. RepositoryExists where other files lie."""
        if self._root.exists() and not set(os.listdir(self._root)) <= set(KINDS):
            raise RepositoryExists(f"{self._root} is not empty; name a new or empty directory.")
        for kind in KINDS:
            (self._root / kind).mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        for number in range(256):
            (self._root / "data" / f"{number:02x}").mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        for directory in (self._root, self._root / "data"):
            sync_directory(directory)

    def names(self, kind: str) -> list[str]:
        """The names of all files of a kind, in order."""
        directory = self._root / kind
        try:
            found = os.listdir(directory)
            if kind == "data":
                found = [name for part in found for name in listing(directory / part)]
        except FileNotFoundError:
            raise RepositoryMissing(f"{self._root} has no directory {kind!r}.") from None
        return sorted(name for name in found if not name.startswith(TEMPORARY))

    def exists(self, name: str) -> bool:
        """Whether the file is there."""
        return self._path(name).exists()

    def read(self, name: str) -> bytes:
        """A whole file."""
        return self._path(name).read_bytes()

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """A part of a file."""
        held = self._open_files.get(name) or self._open(name)
        data = os.pread(held.descriptor, length, offset)
        if len(data) != length:
            raise RepositoryDamaged(f"{name} is too short.")
        return data

    def _open(self, name: str) -> "OpenFile":
        """Opens a file and keeps it open, with the last few: neighbours are read one by one."""
        while len(self._open_files) >= OPEN_FILES_MAX:
            self._open_files.pop(next(iter(self._open_files.copy()), ""), None)
        held = self._open_files[name] = OpenFile(self._path(name))
        return held

    def write(self, name: str, data: bytes) -> None:
        """Writes a file; durable on return."""
        path = self._path(name)
        aside = path.with_name(f"{TEMPORARY}{os.urandom(8).hex()}")
        try:
            with removed_when_failing(aside):
                write_synced(aside, data)
                aside.rename(path)
            sync_directory(path.parent)
        except OSError as error:
            if error.errno in FULL:
                raise StorageFull(
                    f"Backup storage is full: {self._root}. Make room there."
                ) from error
            raise

    def remove(self, name: str) -> None:
        """Removes a file."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        kind, _, rest = name.partition("/")
        return self._root / kind / rest[:2] / rest if kind == "data" else self._root / name


def listing(directory: Path) -> list[str]:
    """What a directory holds; nothing when it is a file."""
    return os.listdir(directory) if directory.is_dir() else []


def write_synced(path: Path, data: bytes) -> None:
    """Writes a new file and waits until it is on the medium."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def removed_when_failing(path: Path) -> Iterator[None]:
    """Leaves no half file behind."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def sync_directory(directory: Path) -> None:
    """Waits until the names in a directory are on the medium."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
