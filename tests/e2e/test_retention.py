"""Snapshots are forgotten by policy, and the stock restic agrees with what is left."""

import json
from pathlib import Path

import pytest

from commands import check_repository, restic, sluicegate, summary
from deployment import apart


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
