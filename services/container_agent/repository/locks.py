"""Shared locks: a writer's word that nobody may remove data while it writes."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from container_agent.repository import documents
from container_agent.repository.crypto import Sealer
from container_agent.repository.errors import RepositoryDamaged, RepositoryLocked
from container_agent.repository.identity import local_identity
from container_agent.repository.stores import Store
from container_agent.repository.times import SECOND_NS, format_time, parse_time

REFRESH_SECONDS = 300.0
STALE_SECONDS = 1800.0


@contextmanager
def shared_lock(store: Store, sealer: Sealer) -> Iterator[None]:
    """Holds a shared lock; RepositoryLocked when somebody holds an exclusive one. It is renewed
    every 5 minutes, and gone at the end."""
    lock = SharedLock(store, sealer)
    lock.take()
    try:
        yield
    finally:
        lock.release()


class SharedLock:
    """One lock file, renewed by a thread."""

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store, self._sealer = store, sealer
        self._name = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lock", daemon=True)

    def take(self) -> None:
        """Looks for others, writes, looks again: of two that come at once, one at least sees."""
        self._refuse_exclusive()
        self._name = self._write()
        try:
            self._refuse_exclusive()
        except BaseException:
            self._store.remove(self._name)
            raise
        self._thread.start()

    def release(self) -> None:
        """Takes the lock away."""
        self._ended.set()
        self._thread.join()
        self._store.remove(self._name)

    def _write(self) -> str:
        who = local_identity()
        document = {
            "time": format_time(time.time_ns()),
            "exclusive": False,
            "hostname": who.hostname,
            "username": who.username,
            "pid": os.getpid(),
            "uid": who.uid,
            "gid": who.gid,
        }
        return f"locks/{documents.save(self._store, self._sealer, 'locks', document).hex()}"

    def _renew(self) -> None:
        while not self._ended.wait(REFRESH_SECONDS):
            before, self._name = self._name, self._write()
            self._store.remove(before)

    def _refuse_exclusive(self) -> None:
        for name in self._store.names("locks"):
            try:
                lock = documents.load(self._store, self._sealer, "locks", name)
            except (FileNotFoundError, RepositoryDamaged):
                # It was released while we looked, or it is being written.
                continue
            if lock.get("exclusive") and not is_stale(lock, time.time_ns()):
                raise RepositoryLocked(
                    f"The repository is locked exclusively by {lock.get('username')} on "
                    f"{lock.get('hostname')} (process {lock.get('pid')}); wait until it is done."
                )


def is_stale(lock: dict[str, Any], now_ns: int) -> bool:
    """Whether nobody stands behind a lock any more: it is old, or its process here is gone."""
    if now_ns - parse_time(lock["time"]) > STALE_SECONDS * SECOND_NS:
        return True
    if lock.get("hostname") != local_identity().hostname:
        return False
    try:
        os.kill(int(lock["pid"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
