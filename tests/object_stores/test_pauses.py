"""Backup storage that is away for a while, in the middle of a backup (F13, F24)."""

import sqlite3
import threading
import time
from pathlib import Path

import pytest

from commands import sluicegate, summary
from deployment import apart
from object_stores.proxy import Fault, Proxy
from object_stores.test_commands import refused
from object_stores.test_with_restic import restic
from trees import write_file

AWAY_SECONDS = 30.0
SMALL = ("--slice-bytes", "4MiB", "--streams", "4")


@pytest.fixture
def asset(tmp_path: Path) -> Path:
    """Some hundred files, 96 MiB in all."""
    (tmp_path / "asset").mkdir()
    for number in range(192):
        write_file(bytes(tmp_path / "asset" / f"{number:03}"), 512 << 10, number)
    return tmp_path / "asset"


class Outage:
    """Storage breaks every call for a while, from its fifth pack on."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._packs = 0
        self._until: float | None = None

    def __call__(self, method: str, path: str) -> Fault:
        self._packs += method == "PUT" and "/data/" in path
        if self._until is None and self._packs >= 5:
            self._until = time.monotonic() + self._seconds
        away = self._until is not None and time.monotonic() < self._until
        return Fault.RESET if away else Fault.NONE


def test_f24_a_backup_pauses_while_storage_is_away_and_ends_whole(
    proxy: Proxy, location: str, behind: str, asset: Path, tmp_path: Path
):
    sluicegate("init", "--repo", location)
    proxy.plan = Outage(AWAY_SECONDS)
    with apart(tmp_path, streams=4) as server:
        done = sluicegate("backup", asset, "--repo", behind, "--server", server, *SMALL)
    assert "paused: " in done.stderr and "goes on by itself" in done.stderr
    assert proxy.faults() > 0
    with sqlite3.connect(tmp_path / "data-manager.db") as database:
        [(state,)] = database.execute("SELECT state FROM runs").fetchall()
        [(tries, slices)] = database.execute("SELECT sum(failures), count(*) FROM slices")
    database.close()
    assert (state, tries) == ("succeeded", 0) and slices > 20
    # A session that ended meanwhile could not take its lock away; restic sees that it is gone.
    restic(location, "unlock")
    assert "no errors were found" in restic(location, "check", "--read-data")


def test_f13_a_full_bucket_is_waited_for_and_the_backup_ends_whole(
    proxy: Proxy, location: str, behind: str, asset: Path
):
    sluicegate("init", "--repo", location)
    roomy = threading.Event()
    begun = time.monotonic()

    def full(method: str, path: str) -> Fault:
        if proxy.faults() and time.monotonic() > begun + 8.0:
            roomy.set()
        return (
            Fault.FULL
            if method == "PUT" and "/data/" in path and not roomy.is_set()
            else Fault.NONE
        )

    proxy.plan = full
    assert summary("backup", asset, "--repo", behind, *SMALL)["state"] == "SUCCEEDED"
    assert proxy.faults() > 0
    assert "no errors were found" in restic(location, "check")


def test_f13_who_does_not_wait_is_told_at_once(
    proxy: Proxy, location: str, behind: str, asset: Path
):
    sluicegate("init", "--repo", location)
    proxy.plan = lambda method, path: Fault.FULL if "/data/" in path else Fault.NONE
    told = refused("backup", asset, "--repo", behind, *SMALL, "--storage-wait", "0")
    assert "full" in told
