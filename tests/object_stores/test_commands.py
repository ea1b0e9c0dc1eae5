"""The commands over a bucket, in one process tree and as services apart."""

import json
import os
from pathlib import Path

import pytest

from commands import sluicegate, summary
from compare import describe, differences
from container_agent.repository.locations import store_at
from deployment import apart
from object_stores.proxy import Fault, Proxy, no_fault
from object_stores.seaweed import SECRET, Seaweed
from object_stores.test_with_restic import restic
from trees import make_tree, write_file


@pytest.fixture
def asset(tmp_path: Path) -> Path:
    """A hundred files and every kind of entry that this restic keeps."""
    make_tree(tmp_path / "asset", files=100)
    (tmp_path / "asset" / "odd" / os.fsdecode(b"link not utf-8")).unlink()
    return tmp_path / "asset"


def back(to: Path, asset: Path) -> list[str]:
    """How what was restored differs from what was backed up."""
    return differences(describe(asset), describe(to / str(asset).lstrip("/")))


def refused(*arguments: object) -> str:
    """The one line that a command in vain prints."""
    said = sluicegate(*arguments, code=1).stderr.splitlines()
    [line] = [line for line in said if line.startswith("sluicegate: ")]
    assert not any(SECRET in line or line.startswith("Traceback") for line in said)
    return line


def test_all_commands_work_on_a_bucket(location: str, asset: Path, tmp_path: Path):
    sluicegate("init", "--repo", location)
    assert summary("backup", asset, "--repo", location)["state"] == "SUCCEEDED"
    again = summary("backup", asset, "--repo", location)
    assert again["unchanged_files"] > 100
    assert len(sluicegate("snapshots", "--repo", location).stdout.splitlines()) == 4
    sluicegate("verify", "--repo", location)
    sluicegate("restore", "latest", "--repo", location, "--to", tmp_path / "ours")
    assert back(tmp_path / "ours", asset) == []
    assert "no errors were found" in restic(location, "check", "--read-data")
    restic(location, "restore", "latest", "--target", tmp_path / "theirs")
    assert back(tmp_path / "theirs", asset) == []
    assert store_at(location).names("locks") == []


def test_what_restic_stored_in_a_bucket_is_restored(location: str, asset: Path, tmp_path: Path):
    restic(location, "init")
    restic(location, "backup", asset)
    sluicegate("verify", "--repo", location)
    sluicegate("restore", "latest", "--repo", location, "--to", tmp_path / "to")
    assert back(tmp_path / "to", asset) == []
    assert summary("backup", asset, "--repo", location)["state"] == "SUCCEEDED"
    assert len(json.loads(restic(location, "snapshots", "--json"))) == 2


def test_services_apart_work_on_a_bucket(location: str, asset: Path, tmp_path: Path):
    sluicegate("init", "--repo", location)
    with apart(tmp_path, streams=2) as server:
        at = ("--repo", location, "--server", server)
        assert summary("backup", asset, *at)["state"] == "SUCCEEDED"
        sluicegate("verify", *at)
        sluicegate("restore", "latest", *at, "--to", tmp_path / "to")
    assert back(tmp_path / "to", asset) == []
    assert "no errors were found" in restic(location, "check")


def test_a_backup_goes_through_a_storm(proxy: Proxy, location: str, behind: str, asset: Path):
    sluicegate("init", "--repo", location)
    faults = [Fault.RESET, Fault.THROTTLED, Fault.CUT, Fault.CUT_ANSWER, Fault.LOST]
    proxy.plan = lambda method, path: (
        faults[len(proxy.seen) // 3 % len(faults)] if len(proxy.seen) % 3 == 0 else Fault.NONE
    )
    assert summary("backup", asset, "--repo", behind)["state"] == "SUCCEEDED"
    assert proxy.faults() > 5
    assert "no errors were found" in restic(location, "check", "--read-data")


def test_a_full_bucket_is_said_and_the_next_run_uses_what_is_there(
    proxy: Proxy, location: str, behind: str, asset: Path
):
    sluicegate("init", "--repo", location)
    for number in range(3):
        write_file(bytes(asset / f"large {number}"), 12 << 20, number)
    packs = 0

    def full(method: str, path: str) -> Fault:
        nonlocal packs
        packs += method == "PUT" and "/data/" in path
        return Fault.FULL if method == "PUT" and packs > 2 else Fault.NONE

    proxy.plan = full
    small = ("--slice-bytes", "4MiB", "--streams", "1")
    at_once = ("--storage-wait", "0")
    assert "full" in refused("backup", asset, "--repo", behind, *small, *at_once)
    proxy.plan = no_fault
    stored = sum(
        len(store_at(location).read(f"data/{n}")) for n in store_at(location).names("data")
    )
    assert stored > 1 << 20
    added = summary("backup", asset, "--repo", behind, *small)["added_bytes"]
    assert (
        added
        < sum(file.stat().st_size for file in asset.rglob("*") if file.is_file()) - stored // 2
    )
    assert "no errors were found" in restic(location, "check", "--read-data")


def test_what_is_wrong_is_one_line(server: Seaweed, location: str, asset: Path, monkeypatch):
    missing = server.location("a", bucket="no-such-bucket")
    assert "no bucket no-such-bucket" in refused("init", "--repo", missing)
    assert "no bucket no-such-bucket" in refused("backup", asset, "--repo", missing)
    assert "sluicegate init" in refused("backup", asset, "--repo", location)
    sluicegate("init", "--repo", location)
    assert "already" in refused("init", "--repo", location)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-that-is-wrong")
    assert "denied (SignatureDoesNotMatch)" in refused("backup", asset, "--repo", location)
    assert "denied" in refused("snapshots", "--repo", location)
