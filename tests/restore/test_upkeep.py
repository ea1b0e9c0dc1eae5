"""Prune and check are the stock restic's: it has the password unseen and dies with its session."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from commands import PASSWORD, check_repository, restic
from container_agent.repository import documents
from container_agent.repository.errors import RepositoryLocked, StorageFull
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
from container_agent.session.restic import Ended, Restic, ResticFailed, ResticMissing
from container_agent.session.tally import Stopped, Tally
from container_agent.session.upkeep import check, prune
from repositories import SECRET, reopen
from sluicegate.v1 import maintenance_pb2, outcome_pb2

WAIT_SECONDS = 20.0
# A session that runs restic and is then left to itself.
SESSION = """
import sys
from container_agent.session.restic import Restic
from container_agent.session.tally import Tally
Restic(sys.argv[1], sys.argv[2].encode()).run(["check"], Tally())
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository in which one of two snapshots was forgotten."""
    place = tmp_path_factory.mktemp("upkeep")
    repository, asset = place / "repository", place / "asset"
    Repository.create(LocalStore(str(repository)), SECRET)
    asset.mkdir()
    for _ in range(2):
        (asset / "file").write_bytes(os.urandom(2 << 20))
        restic(repository, "backup", asset)
    restic(repository, "forget", "--keep-last", "1")
    return repository


@pytest.fixture
def location(made: Path, tmp_path: Path) -> Path:
    """A copy of it, the test's own."""
    return Path(shutil.copytree(made, tmp_path / "repository"))


@pytest.fixture
def instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Has another program stand where restic is looked for; a file that it may write to."""

    def put(script: str) -> Path:
        program = tmp_path / "bin" / "restic"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{script.replace('SAID', str(tmp_path / 'said'))}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
        return tmp_path / "said"

    return put


def size(location: Path) -> int:
    return sum(path.stat().st_size for path in (location / "data").rglob("*") if path.is_file())


def pruned(location: Path, tally: Tally | None = None, max_unused: str = "") -> str:
    tally = tally or Tally()
    work = maintenance_pb2.PruneWork(max_unused=max_unused)
    prune(work, reopen(location), Restic(str(location), SECRET), tally)
    return tally.told


def checked(location: Path) -> Tally:
    tally, work = Tally(), maintenance_pb2.CheckWork(read_data=True)
    check(work, reopen(location), Restic(str(location), SECRET), tally)
    return tally


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come to hold in time"
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    """Whether a process has ended, be it waited for or not."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True


def test_a_prune_gives_space_back_and_loses_nothing(location: Path):
    before = size(location)
    told = pruned(location)
    assert told.startswith("removed ") and told.endswith(" remain")
    assert before - size(location) > 1 << 20
    check_repository(location)
    assert not list((location / "locks").iterdir())


def test_how_much_may_stay_unused_is_restics_to_decide(location: Path, instead):
    said = instead('echo "$@" >SAID')
    pruned(location, max_unused="10G")
    assert said.read_text().endswith(" prune --max-unused=10G\n")
    pruned(location)
    assert said.read_text().endswith(" prune\n")


def test_a_whole_repository_checks_and_what_is_damaged_is_listed(location: Path):
    tally = checked(location)
    assert (tally.told, tally.unread) == ("no errors were found", [])
    pack = max((p for p in (location / "data").rglob("*") if p.is_file()), key=os.path.getsize)
    pack.chmod(0o600)
    with pack.open("r+b") as file:
        file.seek(1000)
        file.write(b"x")
    tally = checked(location)
    assert tally.unread_count == len(tally.unread) >= 1
    assert {reason for _, reason, _ in tally.unread} == {outcome_pb2.UNREAD_REASON_DAMAGED}
    assert any(pack.name in detail for _, _, detail in tally.unread)


def test_t25_neither_works_while_a_backup_does(location: Path):
    for work in (pruned, checked):
        with (
            reopen(location).shared_lock(),
            pytest.raises(RepositoryLocked, match=f"locked by PID {os.getpid()} on .*; wait"),
        ):
            work(location)
    assert size(location) > 3 << 20


@pytest.mark.parametrize(
    ("lock", "stays"),
    [
        ({"exclusive": True, "pid": 4_190_000, "age": 10}, True),
        ({"exclusive": True, "pid": 1, "age": 10}, True),
        ({"exclusive": False, "pid": 4_190_000, "age": 10}, True),
        ({"exclusive": False, "pid": 1, "age": 4000, "hostname": "elsewhere"}, True),
        ({"exclusive": True, "pid": 1, "age": 4000, "hostname": "elsewhere"}, False),
        (
            {"exclusive": False, "pid": 1, "age": 4000, "hostname": "el", "process": "a/1/2"},
            False,
        ),
        ({"exclusive": False, "pid": 1, "age": 10, "hostname": "el", "process": "a/1/2"}, True),
    ],
)
def test_only_what_nobody_can_hold_any_more_is_taken_out_of_its_way(location, lock, stays):
    made = time.gmtime(time.time() - lock.pop("age"))
    lock["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", made)
    repository = reopen(location)
    document = {"hostname": os.uname().nodename, "username": "x"} | lock
    documents.save(LocalStore(str(location)), repository._sealer, "locks", document)
    repository.remove_forsaken_locks()
    assert bool(list((location / "locks").iterdir())) is stays


def test_t22_the_password_is_in_no_argument_and_in_no_environment(location: Path, instead):
    real = subprocess.check_output(["which", "restic"], text=True).strip()
    said = instead(f'(tr "\\0" "\\n" </proc/$$/cmdline; env) >SAID\nexec {real} "$@"')
    assert checked(location).told == "no errors were found"
    text = said.read_text()
    assert "--password-file=/dev/fd/" in text and "RESTIC_PROGRESS_FPS" in text
    assert PASSWORD not in text


def test_a_session_that_is_told_to_stop_ends_it_and_leaves_no_lock(location: Path, instead):
    said = instead(
        'echo $$ >SAID\ntrap "echo given back >>SAID; exit 130" INT\nwhile :; do sleep 0.1; done'
    )
    tally = Tally()

    def stop() -> None:
        until(lambda: said.exists() and said.read_text())
        tally.stopping.set()

    stopping = threading.Thread(target=stop)
    stopping.start()
    with pytest.raises(Stopped):
        pruned(location, tally)
    stopping.join()
    pid, *rest = said.read_text().splitlines()
    assert rest == ["given back"] and is_gone(int(pid))


def test_one_that_does_not_listen_is_killed(location: Path, instead, monkeypatch):
    monkeypatch.setattr("container_agent.session.restic.LEAVE_SECONDS", 0.2)
    said = instead('trap "" INT\necho $$ >SAID\nwhile :; do sleep 0.1; done')
    tally = Tally()
    stopping = threading.Thread(target=lambda: (until(said.exists), tally.stopping.set()))
    stopping.start()
    with pytest.raises(Stopped):
        pruned(location, tally)
    stopping.join()
    until(lambda: is_gone(int(said.read_text())))


def test_it_ends_with_a_session_that_is_killed_and_gives_its_lock_back(location: Path, instead):
    leaving = 'trap "echo given back >>SAID; exit 130" INT'
    said = instead(f"{leaving}\necho $$ >SAID\nwhile :; do sleep 0.1; done")
    command = [sys.executable, "-c", SESSION, str(location), PASSWORD]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    session = subprocess.Popen(command, env=env, start_new_session=True)
    with session:
        until(lambda: said.exists() and said.read_text())
        os.killpg(session.pid, signal.SIGKILL)
    until(lambda: is_gone(int(said.read_text().split()[0])))
    assert said.read_text().splitlines()[1:] == ["given back"]


def test_how_far_it_is_is_told_while_it_runs(location: Path, instead):
    said = instead('echo "[0:05] 12.50%  3 / 24 packs"\nwhile [ ! -e SAID ]; do sleep 0.05; done')
    tally = Tally()
    looking = threading.Thread(
        target=lambda: (until(lambda: tally.told == "12.50% 3 / 24 packs"), said.touch())
    )
    looking.start()
    pruned(location, tally)
    looking.join()


def test_a_host_without_restic_says_what_to_install(location: Path, monkeypatch):
    monkeypatch.setenv("PATH", str(location))
    with pytest.raises(ResticMissing, match="apt-get install restic"):
        pruned(location)


def test_a_password_that_it_cannot_take_is_told_of(location: Path):
    with pytest.raises(ResticMissing, match="white space"):
        Restic(str(location), b" x ").run(["check"], Tally())


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        (["Fatal: unable to save: write /r/x: no space left on device"], StorageFull),
        (["unable to create lock: repository is already locked by PID 7 on x"], RepositoryLocked),
        (["Fatal: something new"], ResticFailed),
        ([], ResticFailed),
    ],
)
def test_its_errors_have_classes(errors, kind):
    ended = Ended(1)
    for line in errors:
        ended.take_error(line)
    assert type(ended.failure()) is kind
