"""All three services in this process, for as long as one command takes.

The same code and the same calls as when they are deployed apart, on unix sockets that nobody else
can reach.
"""

import fcntl
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from container_agent import __main__ as container_agent
from data_manager import __main__ as data_manager
from proxy_manager import __main__ as proxy_manager

PREFIX = "sluicegate-private-"
# A unix socket's address has room for 107 bytes; the longest name in the directory needs 20.
DIRECTORY_LENGTH = 80


@asynccontextmanager
async def embedded(streams: int, password: Callable[[], bytes]) -> AsyncIterator[str]:
    """The address of a data manager that has this machine as its only proxy host, with room for
    `streams` sessions. Sessions, sockets and database are gone when the block ends."""
    with private_directory() as home:
        async with (
            proxy_manager.running(
                proxy_manager.Settings((f"unix:{home}/proxies",), reflection=False)
            ) as [proxies],
            container_agent.running(
                container_agent.Settings(proxies, host_name(), streams, home / "host", password)
            ),
            data_manager.running(
                data_manager.Settings(
                    (f"unix:{home}/data",), proxies, home / "data.db", reflection=False
                )
            ) as [address],
        ):
            yield address


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


def host_name() -> str:
    """This machine's name, as far as a proxy host may be named so."""
    kept = "".join(c for c in socket.gethostname() if c.isascii() and (c.isalnum() or c in "._-"))
    return kept[:64] or "localhost"


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
