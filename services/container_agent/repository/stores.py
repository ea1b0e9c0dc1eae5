"""Where a repository's files lie. A file is written once, whole, and durable on return."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from container_agent.repository.errors import (
    RepositoryDamaged,
    RepositoryExists,
    RepositoryMissing,
    StorageAway,
    StorageFull,
)
from container_agent.repository.files import OpenFiles, make_directories, write_durably

FULL = (errno.ENOSPC, errno.EDQUOT)
# What a file server says that does not answer, or was started anew. It may pass.
AWAY = (
    errno.ESTALE,
    errno.ENOTCONN,
    errno.ETIMEDOUT,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ENODEV,
)
KINDS = ("data", "index", "keys", "locks", "snapshots")
# What else lies about, such as what a file manager leaves, is not the repository's.
NAME = re.compile("[0-9a-f]{64}")


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

    def read_range(self, name: str, offset: int, length: int, ahead: int = 0) -> bytes:
        """A part of a file; RepositoryDamaged when it is shorter. With `ahead`, what follows it
        comes along, as far as there is so much."""
        ...

    def write(self, name: str, data: bytes | list[bytes], *, new: bool = False) -> None:
        """Writes a file, given whole or in parts; durable on return. StorageFull where no room is.

        A name that is a hash may be written again. With `new`, FileExistsError when it is taken.
        """
        ...

    def remove(self, name: str) -> None:
        """Removes a file; one that is gone already is no error."""
        ...


class LocalStore:
    """A directory. Files are written aside, synced, renamed, and their directory synced."""

    def __init__(self, location: str) -> None:
        self._root = Path(location)
        self._files = OpenFiles(self._path)

    def __str__(self) -> str:
        return str(self._root)

    def create(self) -> None:
        """Makes the directories that restic makes. RepositoryExists where other files lie."""
        with self._told():
            try:
                if self._root.exists() and not set(os.listdir(self._root)) <= set(KINDS):
                    raise RepositoryExists(
                        f"{self._root} is not empty; name a new or empty directory."
                    )
                make_directories(self._root, KINDS)
                make_directories(self._root / "data", (f"{number:02x}" for number in range(256)))
            except NotADirectoryError:
                raise RepositoryExists(
                    f"{self._root} leads to a file; name a new or empty directory."
                ) from None

    def names(self, kind: str) -> list[str]:
        """The names of all files of a kind, in order. What has no such name is passed over."""
        directory = self._root / kind
        if not directory.exists() and not self.exists("config"):
            raise RepositoryMissing(f"{self._root} is gone; see that backup storage is mounted.")
        with self._told(errno.EIO):
            found = listing(directory)
            if kind == "data":
                found = [name for part in found for name in listing(directory / part)]
        return sorted(filter(NAME.fullmatch, found))

    def exists(self, name: str) -> bool:
        """Whether the file is there."""
        return self._path(name).exists()

    def read(self, name: str) -> bytes:
        """A whole file."""
        with self._told():
            return self._path(name).read_bytes()

    def read_range(self, name: str, offset: int, length: int, ahead: int = 0) -> bytes:
        """A part of a file, which stays open for the next."""
        with self._told():
            data = self._files.read(name, offset, length + ahead)
        if len(data) < length:
            raise RepositoryDamaged(f"{name} is too short.")
        return data

    def write(self, name: str, data: bytes | list[bytes], *, new: bool = False) -> None:
        """Writes a file; durable on return."""
        path, parts = self._path(name), [data] if isinstance(data, bytes) else data
        with self._told(errno.EIO):
            try:
                write_durably(path, parts, new=new)
            except FileNotFoundError:
                # Never below a mount point whose file system has gone meanwhile.
                if path.parent.exists() or not self.exists("config"):
                    raise
                make_directories(path.parent.parent, [path.parent.name])
                write_durably(path, parts, new=new)

    def remove(self, name: str) -> None:
        """Removes a file."""
        with self._told(errno.EIO):
            self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        kind, _, rest = name.partition("/")
        return self._root / kind / rest[:2] / rest if kind == "data" else self._root / name

    @contextmanager
    def _told(self, *away: int) -> Iterator[None]:
        """Says what the system says of storage; with `away`, of these as well that it is away."""
        try:
            yield
        except OSError as error:
            if error.errno in FULL:
                told = f"Backup storage is full: {self._root}. Make room there."
                raise StorageFull(told) from error
            if error.errno in (*AWAY, *away):
                told = f"Backup storage does not answer: {self._root} ({error.strerror})."
                raise StorageAway(told) from error
            raise


def pack_name(pack_id: bytes) -> str:
    """The name of a pack."""
    return f"data/{pack_id.hex()}"


def listing(directory: Path) -> list[str]:
    """What a directory holds; nothing when it is none: empty ones are lost by many copiers."""
    try:
        return os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return []
