"""Nobody removes data while a lock is held, and nobody is held up by a lock that is no one's."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands import PASSWORD, restic
from container_agent.repository import documents, locks
from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import RepositoryLocked
from container_agent.repository.identity import local_identity, process_mark
from container_agent.repository.locks import MARK, Lock, is_dead, is_stale
from container_agent.repository.repository import Repository
from container_agent.repository.snapshots import Snapshot
from container_agent.repository.stores import LocalStore
from container_agent.repository.times import format_time
from repositories import put, reopen

# Takes the lock and dies without a word.
HOLDER = """
import os, sys
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
repository = Repository.open(LocalStore(sys.argv[1]), sys.argv[2].encode())
with repository.shared_lock():
    os._exit(9)
"""


class Away(LocalStore):
    """Backup storage that can be unplugged."""

    away = False

    def write(self, name: str, data: bytes | list[bytes], *, new: bool = False) -> None:
        if self.away:
            raise OSError("storage is away")
        super().write(name, data, new=new)


def names(location: Path) -> set[str]:
    return {path.name for path in (location / "locks").iterdir()}


def test_a_lock_is_renewed_and_is_one_file_at_a_time(location: Path, repository: Repository):
    with Lock(LocalStore(str(location)), repository._sealer) as lock:
        before = names(location)
        assert lock.renew()
        after = names(location)
        assert len(before) == len(after) == 1 and before != after
    assert names(location) == set()


def test_storage_that_is_away_for_a_while_does_not_cost_the_lock(location, repository):
    store = Away(str(location))
    with Lock(store, repository._sealer) as lock:
        store.away = True
        assert not lock.renew()
        lock.check()
        store.away = False
        assert lock.renew()
        assert len(names(location)) == 1


def test_whoever_removes_sees_no_other_and_no_other_sees_it(location: Path):
    ours, others = reopen(location), reopen(location)
    with others.shared_lock(), pytest.raises(RepositoryLocked, match="locked by"):
        ours.exclusive_lock().__enter__()
    with ours.exclusive_lock():
        for lock in (others.shared_lock, others.exclusive_lock):
            with pytest.raises(RepositoryLocked, match="locked exclusively by"):
                lock().__enter__()
        restic(location, "check", code=1)
        assert len(names(location)) == 1
    assert names(location) == set()
    restic(location, "check")


def test_of_two_that_would_remove_at_once_not_both_may(location: Path, repository: Repository):
    class Late(LocalStore):
        """Another takes the lock just before this one's is written."""

        def write(self, name: str, data: bytes | list[bytes], *, new: bool = False) -> None:
            other.__enter__()
            super().write(name, data, new=new)

    other = Lock(LocalStore(str(location)), repository._sealer, exclusive=True)
    with pytest.raises(RepositoryLocked):
        Lock(Late(str(location)), repository._sealer, exclusive=True).__enter__()
    assert len(names(location)) == 1
    other.__exit__()
    assert names(location) == set()


def test_a_lock_that_ran_out_is_no_promise_any_more(location: Path, monkeypatch):
    repository = reopen(location)
    with repository.shared_lock():
        writer = repository.writer()
        tree = put(writer, BlobKind.TREE, b'{"nodes":[]}\n')
        writer.flush()
        put(writer, BlobKind.DATA, b"late")
        monkeypatch.setattr(locks, "STALE_SECONDS", 0.0)
        with pytest.raises(RepositoryLocked, match="run out"):
            writer.flush()
        monkeypatch.undo()
        # It may have been broken meanwhile, so that it is fresh again helps nothing.
        with pytest.raises(RepositoryLocked, match="run out"):
            repository.save_snapshot(Snapshot(time.time_ns(), tree, ("/files",)))
        writer.close()
    repository.save_snapshot(Snapshot(time.time_ns(), tree, ("/files",)))


def test_the_lock_of_a_session_that_was_killed_is_taken_away_by_the_next(location: Path):
    command = [sys.executable, "-c", HOLDER, str(location), PASSWORD]
    ended = subprocess.run(command, env={"PYTHONPATH": os.pathsep.join(sys.path)}, timeout=60)
    assert ended.returncode == 9
    restic(location, "prune", code=1)
    with reopen(location).shared_lock():
        assert len(names(location)) == 1
    assert names(location) == set()
    restic(location, "prune")


def test_a_lock_of_another_place_or_of_the_living_stays(location: Path, repository: Repository):
    store, here = LocalStore(str(location)), process_mark(os.getpid())
    assert here
    others = [
        {"time": "2026-01-01T00:00:00Z", "hostname": "elsewhere", "pid": 1},
        {"time": "2026-01-01T00:00:00Z", "pid": 4_000_000, MARK: "another-start/1/2"},
        {"time": "2026-01-01T00:00:00Z", "pid": os.getpid(), MARK: here},
        {"pid": "x", MARK: 5},
        {},
    ]
    made = {documents.save(store, repository._sealer, "locks", other).hex() for other in others}
    with repository.shared_lock():
        assert names(location) > made
    assert names(location) == made


def test_a_number_that_another_process_bears_now_is_not_the_holder():
    boot, numbers, start = process_mark(os.getpid()).split("/")
    assert is_dead({"pid": os.getpid(), MARK: f"{boot}/{numbers}/{int(start) - 1}"})
    assert is_dead({"pid": 4_194_305, MARK: f"{boot}/{numbers}/7"})


def test_a_holder_that_is_not_to_be_seen_here_may_live_in_another_container_of_this_host(
    location: Path, repository: Repository
):
    now, host = format_time(time.time_ns()), local_identity().hostname
    held = {"time": now, "exclusive": True, "hostname": host, "pid": 4_000_000}
    documents.save(LocalStore(str(location)), repository._sealer, "locks", held)
    with pytest.raises(RepositoryLocked, match="process 4000000"):
        repository.shared_lock().__enter__()


@pytest.mark.parametrize("lock", [{}, {"time": "noon", "pid": 1}, {"time": 5, "pid": None}])
def test_what_is_no_lock_locks_nothing(lock):
    assert is_stale({"exclusive": True, **lock}, time.time_ns())
