"""The command line: what is wrong with it is told in one line."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands import BIN, sluicegate


def refused(*arguments: object, code: int, env: dict[str, str] | None = None) -> str:
    said = sluicegate(*arguments, code=code, env=env).stderr.splitlines()
    assert len(said) == 1, said
    assert said[0].startswith("sluicegate: ")
    return said[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--help"),
        (["nonsense"], "nonsense"),
        (["backup"], "PATH"),
        (["backup", "/tmp"], "--repo"),
        (["backup", "/tmp", "--repo", "/x", "--streams", "0"], "--streams"),
        (["backup", "/tmp", "--repo", "/x", "--streams", "none"], "--streams"),
        (["backup", "/tmp", "--repo", "/x", "--slices-per-session", "0"], "--slices-per-session"),
        (["backup", "/tmp", "--repo", "/x", "--slice-bytes", "lots"], "64MiB"),
        (["backup", "/tmp", "--repo", "/x", "--slice-bytes", "1K"], "64.0 KiB to 1.0 TiB"),
        (["backup", "/tmp", "--repo", "/x", "--method", "magic"], "--method"),
        (["backup", "", "--repo", "/x"], "empty"),
        (["backup", "/tmp", "--repo", "/x", "-e", "[a"], "--exclude: '[a' has a bracket"),
        (["backup", "/tmp", "--repo", "/x", "--iexclude", "/"], "--iexclude: '/' names nothing"),
        (["backup", "/tmp", "--repo", "/x", "--exclude-if-present", ":x"], "no name of a file"),
        (["backup", "/tmp", "--repo", "/x", "--exclude-larger-than", "0"], "1 B to 16 EiB"),
        (["backup", "/tmp", "--repo", "/x", "--exclude-larger-than", "big"], "64MiB"),
        (["backup", "/tmp", "--repo", "/x", *["-e", "x" * 99_000] * 2], "128 KiB"),
        (["restore", "latest", "--repo", "/x", "--to", "/y", "--overwrite", "x"], "if-changed"),
        (["backup", "/tmp", "--repo", "sftp:host:/x"], "directory, in S3"),
        (["backup", "/tmp", "--repo", "s3:host"], "names no bucket"),
        (["backup", "tmp", "--repo", "/x", "--server", "unix:/x"], "absolute"),
        (["backup", "/tmp", "--repo", "x", "--server", "unix:/x"], "absolute"),
        (["backup", "/tmp", "--repo", "/x", "--server", "unix:/x", "-p", "/x"], "--password-file"),
        (["restore", "xyz", "--repo", "/x", "--to", "/y"], "latest"),
        (["restore", "abc", "--repo", "/x", "--to", "/y"], "four digits"),
        (["restore", "latest", "--repo", "/x"], "--to"),
        (["verify", "xyz", "--repo", "/x"], "latest"),
        (["verify", "--part", "0/7", "--repo", "/x"], "0/7: a part is one of at most 256"),
        (["verify", "--part", "7", "--repo", "/x"], "such as 1/7"),
    ],
)
def test_a_usage_error_is_one_line_and_exits_with_2(arguments: list[str], said: str):
    assert said in refused(*arguments, code=2)


def test_a_file_of_excludes_that_cannot_be_read_is_named(tmp_path: Path):
    line = refused("backup", "/tmp", "--repo", "/x", "--exclude-file", tmp_path / "no", code=1)
    assert f"cannot read {tmp_path}/no: No such file" in line


def test_the_repository_is_also_restics_variable(tmp_path: Path):
    line = refused("backup", tmp_path, code=1, env={"RESTIC_REPOSITORY": f"{tmp_path}/none"})
    assert f"{tmp_path}/none is not a repository; run `sluicegate init" in line


def test_a_name_cannot_write_to_the_terminal(tmp_path: Path):
    line = refused("backup", f"{tmp_path}/\x1b[2J\nno", "--repo", tmp_path, code=1)
    assert "\\x1b[2J\\nno" in line


def test_a_password_is_not_asked_of_nobody(tmp_path: Path):
    (tmp_path / "config").touch()
    env = {"SLUICEGATE_PASSWORD": "", "RESTIC_PASSWORD": ""}
    assert "no password" in refused("backup", tmp_path, "--repo", tmp_path, code=2, env=env)


def test_nobody_at_the_server_is_said_in_time(tmp_path: Path):
    begun = time.monotonic()
    address = f"unix:{tmp_path}/nobody"
    line = refused("backup", "/tmp", "--repo", "/x", "--server", address, code=1)
    assert address in line
    assert "sluicegate up" in line
    assert time.monotonic() - begun < 15


def test_help_is_quick_since_it_imports_no_grpc():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", BIN / "sluicegate", "backup", "--help"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "--slices-per-session" in done.stdout
    imported = {line.rsplit("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "click" in imported
    assert imported.isdisjoint({"grpc", "google.protobuf", "rich", "asyncio", "container_agent"})
