"""Several paths in one command: a set of assets, each with a backup and a snapshot of its own."""

import base64
import json
import os
from pathlib import Path

import pytest

from commands import restic, sluicegate, summary
from deployment import apart


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = tmp_path / "repository"
    sluicegate("init", "--repo", made)
    return made


@pytest.fixture
def assets(tmp_path: Path) -> list[Path]:
    made = [tmp_path / name for name in ("a", "b\udcff", "c")]
    for number, asset in enumerate(made, 1):
        asset.mkdir()
        for file in range(number):
            (asset / f"{file}").write_bytes(b"%d" % number * 1000)
    return made


def test_r14_a_set_of_paths_becomes_a_snapshot_of_each(repository: Path, assets: list[Path]):
    done = sluicegate("backup", *assets, assets[0], "--repo", repository)
    lines = done.stdout.splitlines()
    shown = [line for line in lines if line and not line.startswith(" ")]
    assert shown == [str(assets[0]), f"{assets[0].parent}/b\\xff", str(assets[2])]
    counts = [line for line in lines if line.startswith("  files")]
    assert [line.split()[1] for line in counts] == ["1", "2", "3"]
    snapshots = json.loads(restic(repository, "snapshots", "--json"))
    assert [len(snapshot["paths"]) for snapshot in snapshots] == [1, 1, 1]


@pytest.mark.parametrize("deployment", ["embedded", "apart"])
def test_r14_programs_are_told_of_each_path_and_of_all(
    deployment: str, tmp_path: Path, repository: Path, assets: list[Path]
):
    words = ["backup", *assets, "--repo", repository]
    if deployment == "apart":
        (tmp_path / "services").mkdir()
        with apart(tmp_path / "services", 2) as address:
            told(words, "--server", address)
    else:
        told(words)


def told(words: list[object], *more: object) -> None:
    *said, together = map(json.loads, sluicegate(*words, *more, "--json").stdout.splitlines())
    parts = [part for part in said if part["event"] == "path"]
    assert [part["files"] for part in parts] == [1, 2, 3]
    assert all(part["snapshot_id"] for part in parts)
    assert base64.b64decode(parts[1]["path_base64"]).endswith(b"/b\xff")
    assert (together["event"], together["state"], together["files"]) == ("summary", "SUCCEEDED", 6)


def test_the_exit_code_is_that_of_the_worst_and_the_others_are_backed_up(
    tmp_path: Path, repository: Path, assets: list[Path]
):
    (tmp_path / "services").mkdir()
    with apart(tmp_path / "services", 2) as address:
        words = ("backup", *assets[:2], tmp_path / "none", "--repo", repository)
        done = sluicegate(*words, "--server", address, code=1)
    assert "1 of 3 have no snapshot" in done.stderr
    assert f"{tmp_path}/none\n  no snapshot: " in done.stdout
    assert done.stdout.count("  snapshot ") == 2
    assert len(json.loads(restic(repository, "snapshots", "--json"))) == 2


def test_a_path_that_is_not_there_is_told_before_anything_is_begun(
    tmp_path: Path, repository: Path, assets: list[Path]
):
    done = sluicegate("backup", assets[0], tmp_path / "none", "--repo", repository, code=1)
    assert f"cannot back up {tmp_path}/none" in done.stderr
    assert json.loads(restic(repository, "snapshots", "--json")) == []


def test_so_many_paths_are_refused(repository: Path):
    paths = [os.fspath(repository / "config")] + [f"{repository}/{n}" for n in range(101)]
    for path in paths[1:]:
        Path(path).touch()
    done = sluicegate("backup", *paths, "--repo", repository, code=2)
    assert "102 paths: one command backs up at most 100" in done.stderr


def test_a_set_of_one_is_a_backup(repository: Path, assets: list[Path]):
    assert summary("backup", assets[0], "--repo", repository)["files"] == 1
