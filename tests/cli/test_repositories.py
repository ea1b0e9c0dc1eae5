"""`init` and `snapshots`: a repository is made, listed, and never made over something else."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from commands import BIN, PASSWORD, environment, restic, sluicegate


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    location = tmp_path / "new" / "repository"
    assert "made repository" in sluicegate("init", "--repo", location).stdout
    return location


def refused(*arguments: object, env: dict[str, str] | None = None) -> str:
    [line] = sluicegate(*arguments, code=1, env=env).stderr.splitlines()
    assert line.startswith("sluicegate: ")
    return line


def test_restic_opens_what_init_made(repository: Path):
    assert "no errors were found" in restic(repository, "check")
    assert json.loads(restic(repository, "cat", "config"))["version"] == 2


def test_what_restic_saved_is_listed(repository: Path, tmp_path: Path):
    (tmp_path / "a").mkdir()
    restic(repository, "backup", "--tag", "t\x1b1", "--host", "h", tmp_path / "a")
    lines = sluicegate("snapshots", "--repo", repository).stdout.splitlines()
    assert lines[0].split() == ["id", "time", "host", "paths", "tags"]
    assert f"  h     {tmp_path}/a  t\\x1b1" in lines[1]
    assert lines[2] == "1 snapshot"
    [found] = map(
        json.loads, sluicegate("snapshots", "-r", repository, "--json").stdout.splitlines()
    )
    assert found["id"].startswith(lines[1].split()[0])
    assert (found["hostname"], found["paths"]) == ("h", [f"{tmp_path}/a"])


def test_an_empty_repository_has_no_snapshots(repository: Path):
    assert sluicegate("snapshots", "--repo", repository).stdout == "0 snapshots\n"


def test_a_repository_is_not_made_twice(repository: Path):
    before = sorted(repository.rglob("*"))
    assert "already" in refused("init", "--repo", repository)
    assert sorted(repository.rglob("*")) == before


def test_a_directory_with_something_in_it_stays_as_it_is(tmp_path: Path):
    (tmp_path / "letter").write_text("dear")
    assert "not empty" in refused("init", "--repo", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter"]


def test_a_file_is_no_place_for_a_repository(tmp_path: Path):
    (tmp_path / "file").touch()
    assert "Not a directory" in refused("init", "--repo", tmp_path / "file")
    assert "not a repository" in refused("snapshots", "--repo", tmp_path / "file")


def test_a_wrong_password_is_said(repository: Path):
    line = refused("snapshots", "--repo", repository, env={"SLUICEGATE_PASSWORD": "wrong"})
    assert "password" in line


def test_the_password_may_be_in_a_file(repository: Path, tmp_path: Path):
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    env = {"SLUICEGATE_PASSWORD": "", "RESTIC_PASSWORD": ""}
    named = ["--password-file", tmp_path / "password"]
    assert "0 snapshots" in sluicegate("snapshots", "-r", repository, *named, env=env).stdout


def test_a_reader_that_has_gone_is_no_traceback(repository: Path):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [BIN / "sluicegate", "snapshots", "--repo", repository],
        env=environment(),
        stdout=write,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")
