"""Locks. A shared one is a writer's word that nobody may remove data while it writes; whoever
removes holds the exclusive one, which no other may stand beside."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from container_agent.repository import documents
from container_agent.repository.crypto import Sealer
from container_agent.repository.errors import RepositoryDamaged, RepositoryError, RepositoryLocked
from container_agent.repository.identity import local_identity, own_mark, process_mark
from container_agent.repository.stores import Store
from container_agent.repository.times import SECOND_NS, format_time, parse_time

REFRESH_SECONDS = 300.0
# Storage that is away or full for a while must not cost the lock.
RETRY_SECONDS = 10.0
STALE_SECONDS = 1800.0
# A field of our own, which restic passes over.
MARK = "process"


class Lock:
    """A lock, from entry to exit. RepositoryLocked when somebody holds an exclusive one; an
    exclusive one is refused whoever holds any. It is renewed every 5 minutes by a thread, and gone
    at the end."""

    def __init__(self, store: Store, sealer: Sealer, *, exclusive: bool = False) -> None:
        self._store, self._sealer, self._exclusive = store, sealer, exclusive
        self._names: list[str] = []
        self._renewed_ns = 0
        self._ran_out = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lock", daemon=True)

    def __enter__(self) -> "Lock":
        # Looks for others, writes, looks again: of two that come at once, one at least sees.
        remove_dead(self._store, self._sealer)
        self._refuse_others()
        self._write()
        try:
            self._refuse_others()
        except BaseException:
            with suppress(OSError, RepositoryError):
                self._remove(self._names)
            raise
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        # What cannot be removed now goes stale; some may write, and never remove.
        with suppress(OSError, RepositoryError):
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
            "exclusive": self._exclusive,
            "hostname": who.hostname,
            "username": who.username,
            "pid": os.getpid(),
            "uid": who.uid,
            "gid": who.gid,
            MARK: own_mark(),
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
        except (OSError, RepositoryError):
            return False
        # What stays is removed with the next, or goes stale.
        with suppress(OSError, RepositoryError):
            self._remove(self._names[:-1])
        return True

    def _refuse_others(self) -> None:
        for name, lock in locks_of(self._store, self._sealer):
            stands = self._exclusive or lock.get("exclusive")
            if stands and name not in self._names and not is_stale(lock, time.time_ns()):
                raise RepositoryLocked(
                    f"The repository is locked{' exclusively' * bool(lock.get('exclusive'))} by "
                    f"{lock.get('username')} on {lock.get('hostname')} (process "
                    f"{lock.get('pid')}); wait until it is done."
                )


def locks_of(store: Store, sealer: Sealer) -> Iterator[tuple[str, dict[str, Any]]]:
    """The names and documents of all locks that lie there."""
    for name in store.names("locks"):
        # It may be released while we look, or being written, or be none.
        with suppress(FileNotFoundError, RepositoryDamaged):
            yield f"locks/{name}", documents.load(store, sealer, "locks", name)


def remove_dead(
    store: Store, sealer: Sealer, judge: Callable[[dict[str, Any]], bool] | None = None
) -> None:
    """Takes away what sessions left that were killed: restic's prune would wait for them."""
    for name, lock in locks_of(store, sealer):
        if (judge or is_dead)(lock):
            with suppress(OSError, RepositoryError):
                store.remove(name)


def remove_marked(store: Store, sealer: Sealer, mark: str) -> None:
    """Takes away what a process left that is known to be no more."""
    for name, lock in locks_of(store, sealer):
        if lock.get(MARK) == mark:
            with suppress(OSError, RepositoryError):
                store.remove(name)


def is_dead(lock: dict[str, Any]) -> bool:
    """Whether a lock of ours is certainly nobody's: made since this system started, where this
    process lives, by one that is no more. A host's name and a number alone would not say that."""
    mark, pid = lock.get(MARK), lock.get("pid")
    if not isinstance(mark, str) or not isinstance(pid, int):
        return False
    *place, _ = mark.split("/")
    *here, _ = process_mark(os.getpid()).split("/")
    if not place or place != here:
        return False
    # The mark of another user's process may be hidden; that it runs is not.
    now = process_mark(pid)
    return now != mark if now else not is_running(pid)


def is_forsaken(lock: dict[str, Any]) -> bool:
    """Whether restic may be told that nobody holds a lock: it is dead; or it is stale, and either
    one of ours, whose holders look at the clock before they write, or an exclusive one, which our
    locks pass over as well. A stale one of others who write is for people to judge."""
    ours = MARK in lock or bool(lock.get("exclusive"))
    return is_dead(lock) or (ours and is_stale(lock, time.time_ns()))


def is_stale(lock: dict[str, Any], now_ns: int) -> bool:
    """Whether nobody stands behind a lock any more: it was not renewed, or is dead. That restic's
    process is not to be seen here says nothing: all containers of a host bear its name, and each
    has process numbers of its own."""
    try:
        made_ns, _ = parse_time(lock["time"]), int(lock["pid"])
    except (KeyError, TypeError, ValueError):
        # It is no lock that anybody could hold.
        return True
    return now_ns - made_ns > STALE_SECONDS * SECOND_NS or is_dead(lock)


def is_running(pid: int) -> bool:
    """Whether there is a process of that number here."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
