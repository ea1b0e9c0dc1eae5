"""Snapshots are forgotten by policy, and the stock restic agrees with what is left."""

import json
import os
from pathlib import Path

import pytest

from commands import check_repository, restic, sluicegate, summary
from deployment import apart
from repositories import reopen


@pytest.fixture
def backed_up(tmp_path: Path, repository: Path) -> Path:
    """Three backups of one small directory, each with a file more."""
    asset = tmp_path / "few"
    asset.mkdir()
    for number in range(3):
        (asset / f"{number}").write_bytes(bytes([number]) * 100_000)
        sluicegate("backup", asset, "--repo", repository)
    return repository


def snapshots(repository: Path) -> list[str]:
    return [each["id"] for each in json.loads(restic(repository, "snapshots", "--json"))]


def test_a_policy_is_tried_dry_and_then_applied(backed_up: Path):
    before = snapshots(backed_up)
    dry = summary("forget", "--repo", backed_up, "--keep-last", "1", "--dry-run")
    assert (dry["kept"], dry["removed"], dry["dry_run"]) == (1, 2, True)
    assert snapshots(backed_up) == before
    told = sluicegate("forget", "--repo", backed_up, "--keep-last", "1").stdout
    assert f"keep    {before[-1][:8]}" in told and "last snapshot" in told
    assert snapshots(backed_up) == before[-1:]
    check_repository(backed_up)


def test_the_next_backup_goes_on_from_what_is_left(backed_up: Path, tmp_path: Path):
    [*_, latest] = snapshots(backed_up)
    sluicegate("forget", latest[:8], "--repo", backed_up)
    assert latest not in snapshots(backed_up)
    assert summary("backup", tmp_path / "few", "--repo", backed_up)["added_bytes"] < 10_000
    check_repository(backed_up)


def test_t24_a_policy_that_keeps_nothing_is_refused_unless_asked_outright(backed_up: Path):
    words = ("forget", "--repo", backed_up, "--keep-tag", "never")
    refused = sluicegate(*words, code=1)
    [line] = refused.stderr.splitlines()
    assert "keeps no snapshot of" in line and "--unsafe-allow-remove-all" in line
    assert len(snapshots(backed_up)) == 3
    assert summary(*words, "--unsafe-allow-remove-all")["removed"] == 3
    assert snapshots(backed_up) == []


def test_services_apart_forget_too(backed_up: Path, tmp_path: Path):
    with apart(tmp_path, 2) as address:
        done = summary("forget", "--repo", backed_up, "--keep-within", "1h", "--server", address)
    assert (done["state"], done["kept"], done["removed"]) == ("SUCCEEDED", 3, 0)


def stored(repository: Path) -> int:
    files = (path for path in (repository / "data").rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files)


def test_a_prune_gives_back_what_was_forgotten(repository: Path, tmp_path: Path):
    asset = tmp_path / "one"
    asset.mkdir()
    for _ in range(3):
        (asset / "file").write_bytes(os.urandom(2 << 20))
        sluicegate("backup", asset, "--repo", repository)
    before = stored(repository)
    done = summary("forget", "--repo", repository, "--keep-last", "1", "--prune")
    assert done["removed"] == 2 and done["message"].startswith("removed ")
    assert before - stored(repository) > 4_000_000
    assert "no errors were found" in sluicegate("check", "--repo", repository, "--read-data").stdout
    check_repository(repository)


def test_t25_a_prune_while_somebody_writes_is_refused_politely(backed_up: Path):
    held = reopen(backed_up)
    before = stored(backed_up)
    with held.shared_lock():
        [line] = sluicegate("prune", "--repo", backed_up, code=1).stderr.splitlines()[-1:]
    assert f"The repository is locked by PID {os.getpid()} " in line and "wait" in line
    assert stored(backed_up) == before
    sluicegate("prune", "--repo", backed_up)
    check_repository(backed_up)


def test_t25_prunes_between_backups_lose_nothing(backed_up: Path, tmp_path: Path):
    for number in range(3):
        (tmp_path / "few" / f"more-{number}").write_bytes(os.urandom(300_000))
        sluicegate("prune", "--repo", backed_up, "--max-unused", "0")
        sluicegate("backup", tmp_path / "few", "--repo", backed_up)
        sluicegate("forget", "--repo", backed_up, "--keep-last", "2")
    sluicegate("prune", "--repo", backed_up)
    check_repository(backed_up)


def test_services_apart_prune_with_the_password_of_their_host(backed_up: Path, tmp_path: Path):
    with apart(tmp_path, 2) as address:
        done = summary("prune", "--repo", backed_up, "--server", address)
        assert done["state"] == "SUCCEEDED" and "remain" in done["message"]
        damaged = summary("check", "--repo", tmp_path / "none", "--server", address, code=1)
    assert damaged["failure"] == "REPOSITORY_MISSING"
