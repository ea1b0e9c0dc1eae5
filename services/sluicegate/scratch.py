"""A directory for as long as a command runs."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "sluicegate-private-"
# A unix socket's address has room for 107 bytes; the longest name in the directory needs 20.
DIRECTORY_LENGTH = 80


@contextmanager
def private_directory() -> Iterator[Path]:
    """A new directory that only this user enters, gone at the end.

    What commands that were killed have left behind is cleared away first.
    """
    parent = Path(tempfile.gettempdir())
    if len(os.fsencode(parent)) > DIRECTORY_LENGTH - len(PREFIX) - 9:
        parent = Path("/tmp")
    _clear_away(parent)
    home = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    try:
        lock = _locked(home)
        try:
            yield home
        finally:
            os.close(lock)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _locked(home: Path) -> int:
    """Holds a directory for as long as this process lives."""
    lock = os.open(home / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return lock


def _clear_away(parent: Path) -> None:
    for left in parent.glob(f"{PREFIX}*"):
        if left.is_symlink() or left.stat(follow_symlinks=False).st_uid != os.geteuid():
            continue
        try:
            lock = os.open(left / "lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue  # its command runs
        else:
            shutil.rmtree(left, ignore_errors=True)
        finally:
            os.close(lock)
