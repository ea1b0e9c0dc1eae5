"""Shared locks: a writer's word that nobody may remove data while it writes."""

import os
import threading
import time
from contextlib import suppress
from typing import Any

from container_agent.repository import documents
from container_agent.repository.crypto import Sealer
from container_agent.repository.errors import RepositoryDamaged, RepositoryError, RepositoryLocked
from container_agent.repository.identity import local_identity
from container_agent.repository.stores import Store
from container_agent.repository.times import SECOND_NS, format_time, parse_time

REFRESH_SECONDS = 300.0
# Storage that is away or full for a while must not cost the lock.
RETRY_SECONDS = 10.0
STALE_SECONDS = 1800.0


class SharedLock:
    """A shared lock, from entry to exit. RepositoryLocked when somebody holds an exclusive one.
    It is renewed every 5 minutes by a thread, and gone at the end."""

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store, self._sealer = store, sealer
        self._names: list[str] = []
        self._renewed_ns = 0
        self._ran_out = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lock", daemon=True)

    def __enter__(self) -> "SharedLock":
        # Looks for others, writes, looks again: of two that come at once, one at least sees.
        self._refuse_exclusive()
        self._write()
        try:
            self._refuse_exclusive()
        except BaseException:
            self._remove(self._names)
            raise
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        # What cannot be removed now goes stale.
        with suppress(OSError):
            self._remove(self._names)

    def check(self) -> None:
        """RepositoryLocked when the lock was not renewed in time, as on a machine that slept."""
        late = time.time_ns() - self._renewed_ns > STALE_SECONDS * SECOND_NS
        self._ran_out = self._ran_out or late
        if self._ran_out:
            raise RepositoryLocked(
                "The lock on the repository has run out, and data may have been removed meanwhile; "
                "this is tried again."
            )

    def _write(self) -> None:
        who, now_ns = local_identity(), time.time_ns()
        document = {
            "time": format_time(now_ns),
            "exclusive": False,
            "hostname": who.hostname,
            "username": who.username,
            "pid": os.getpid(),
            "uid": who.uid,
            "gid": who.gid,
        }
        lock_id = documents.save(self._store, self._sealer, "locks", document)
        self._names.append(f"locks/{lock_id.hex()}")
        self._renewed_ns = now_ns

    def _remove(self, names: list[str]) -> None:
        for name in names.copy():
            self._store.remove(name)
            self._names.remove(name)

    def _keep(self) -> None:
        wait_seconds = REFRESH_SECONDS
        while not self._ended.wait(wait_seconds):
            wait_seconds = REFRESH_SECONDS if self.renew() else RETRY_SECONDS

    def renew(self) -> bool:
        """Writes the lock anew, then removes what it was. False when storage did not take it."""
        try:
            self.check()
            self._write()
            self._remove(self._names[:-1])
        except (OSError, RepositoryError):
            return False
        return True

    def _refuse_exclusive(self) -> None:
        for name in self._store.names("locks"):
            try:
                lock = documents.load(self._store, self._sealer, "locks", name)
                stale = is_stale(lock, time.time_ns())
            except (FileNotFoundError, RepositoryDamaged, KeyError, TypeError, ValueError):
                # It was released while we looked, or it is being written, or it is none.
                continue
            if lock.get("exclusive") and not stale:
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
