"""Files that are on the medium when they have their names, and files that stay open."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

FILE_MODE = 0o400
DIRECTORY_MODE = 0o700
TEMPORARY = "sluicegate-tmp-"
# The system takes 1024 parts at a time.
PARTS_MAX = 512
OPEN_FILES_MAX = 64
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
NO_SYNC = (errno.EINVAL, errno.EOPNOTSUPP)


def write_durably(path: Path, parts: Iterable[bytes], *, new: bool) -> None:
    """Writes a file aside, syncs it, gives it its name, and syncs its directory.

    At no moment is anything else than the whole file there by that name. With `new`,
    FileExistsError when the name is taken.
    """
    aside = path.with_name(f"{TEMPORARY}{os.urandom(8).hex()}")
    try:
        write_synced(aside, parts)
        if new:
            link_new(aside, path)
        else:
            aside.rename(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def write_synced(path: Path, parts: Iterable[bytes]) -> None:
    """Writes a new file and waits until it is on the medium."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        coming = iter(parts)
        while some := list(islice(coming, PARTS_MAX)):
            write_all(descriptor, some)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, parts: list[bytes]) -> None:
    """Writes all parts, however few bytes the system takes at a time."""
    written = os.writev(descriptor, parts)
    for part in parts:
        if written < len(part):
            view = memoryview(part)[written:]
            while view:
                view = view[os.write(descriptor, view) :]
            written = 0
        else:
            written -= len(part)


def link_new(aside: Path, path: Path) -> None:
    """Gives a file its name, of two at once to one only, where the file system can do that."""
    try:
        path.hardlink_to(aside)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        aside.rename(path)
    else:
        aside.unlink()


def make_directories(above: Path, names: Iterable[str]) -> None:
    """Makes directories, durably, with those above them; those that are there are no error."""
    if not above.exists():
        make_directories(above.parent, [above.name])
    for name in names:
        (above / name).mkdir(mode=DIRECTORY_MODE, exist_ok=True)
    sync_directory(above)


def sync_directory(directory: Path) -> None:
    """Waits until the names in a directory are on the medium; shares that cannot say are taken as
    they are, as restic takes them."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise
    finally:
        os.close(descriptor)


class OpenFile:
    """A file that stays open as long as somebody reads in it."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        # A file that could not be opened has none.
        with contextlib.suppress(AttributeError):
            os.close(self.descriptor)


class OpenFiles:
    """The last few files that were read in: neighbours are read one by one. For any thread."""

    def __init__(self, path_of: Callable[[str], Path]) -> None:
        self._path_of = path_of
        # By name, since to make a path costs more than to read a small blob.
        self._held: dict[str, OpenFile] = {}

    def read(self, name: str, offset: int, length: int) -> bytes:
        """At most `length` bytes of a file, fewer only where it ends."""
        held = self._held.get(name) or self._open(name)
        return b"".join(pieces(held.descriptor, offset, length))

    def _open(self, name: str) -> OpenFile:
        while len(self._held) >= OPEN_FILES_MAX:
            self._held.pop(next(iter(self._held.copy())), None)
        held = self._held[name] = OpenFile(self._path_of(name))
        return held


def pieces(descriptor: int, offset: int, length: int) -> Iterator[bytes]:
    """The bytes as the system gives them: mostly all at once, on a share at times in pieces."""
    while length and (data := os.pread(descriptor, length, offset)):
        yield data
        offset += len(data)
        length -= len(data)
