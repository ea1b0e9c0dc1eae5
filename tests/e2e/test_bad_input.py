"""Bad input gets one clear line and loses nothing."""

import json
import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from commands import BIN, check_repository, environment, restic, run, sluicegate, summary
from compare import describe, differences
from trees import write_file


def refused(*arguments: object, code: int = 1, env: dict[str, str] | None = None) -> str:
    """The one line that a refused command prints."""
    said = sluicegate(*arguments, code=code, env=env).stderr.splitlines()
    # A run that lasts tells how far it is, too.
    [line] = [line for line in said if line.startswith("sluicegate: ")]
    assert not any(line.startswith("Traceback") for line in said)
    return line


def test_a_missing_path_is_named(tmp_path: Path, repository: Path):
    assert "no-such-path" in refused("backup", tmp_path / "no-such-path", "--repo", repository)


def test_a_wrong_password_is_said(small_tree: Path, repository: Path):
    line = refused("backup", small_tree, "--repo", repository, env={"SLUICEGATE_PASSWORD": "no"})
    assert "password" in line


def test_a_directory_that_is_no_repository_is_said(small_tree: Path, tmp_path: Path):
    line = refused("backup", small_tree, "--repo", tmp_path)
    assert "sluicegate init" in line


def test_a_repository_of_version_1_is_said(small_tree: Path, tmp_path: Path):
    restic(tmp_path / "old", "init", "--repository-version", "1")
    assert "version 1" in refused("backup", small_tree, "--repo", tmp_path / "old")


def test_usage_errors_exit_with_2(tmp_path: Path):
    sluicegate("backup", code=2)
    sluicegate("backup", tmp_path, "--repo", tmp_path, "--streams", "none", code=2)


def test_unreadable_files_are_listed_and_the_rest_is_saved(tmp_path: Path, repository: Path):
    """Root reads everything by two capabilities, so the backup runs without them."""
    asset = tmp_path / "asset"
    asset.mkdir()
    write_file(os.fsencode(asset / "open"), 1000, 1)
    write_file(os.fsencode(asset / "closed"), 1000, 2)
    os.chmod(asset / "closed", 0)
    plain = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
    backup = (BIN / "sluicegate", "backup", asset, "--repo", repository, "--json")
    last = json.loads(run(*plain, *backup, code=3).stdout.splitlines()[-1])
    assert last["state"] == "PARTIAL"
    assert [(file["path"], file["reason"]) for file in last["unread_files"]] == [
        ("closed", "DENIED")
    ]
    check_repository(repository)
    assert f"{asset}/open" in restic(repository, "ls", "latest")


def test_a_full_disk_is_said_and_the_next_run_is_clean(small_tree: Path, tmp_path: Path):
    write_file(os.fsencode(small_tree / "large"), 40 << 20, 5)
    mount = tmp_path / "small disk"
    mount.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", mount)
    try:
        sluicegate("init", "--repo", mount / "r")
        at_once = ("--storage-wait", "0")
        assert "full" in refused("backup", small_tree, "--repo", mount / "r", *at_once)
        run("mount", "-o", "remount,size=200m", mount)
        summary("backup", small_tree, "--repo", mount / "r")
        check_repository(mount / "r")
    finally:
        run("umount", mount)


def start_backup(asset: Path, repository: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            BIN / "sluicegate",
            "backup",
            asset,
            "--repo",
            repository,
            "--json",
            "--slice-bytes",
            "1MiB",
        ],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("packs", [0, 1, 8])
def test_ctrl_c_at_any_moment_leaves_nothing_behind(small_tree: Path, repository: Path, packs: int):
    write_file(os.fsencode(small_tree / "large"), 200 << 20, 5)
    process = start_backup(small_tree, repository)
    assert process.stdout is not None
    assert "started" in process.stdout.readline()
    deadline = time.monotonic() + 60
    while process.poll() is None and len(list((repository / "data").rglob("*/*"))) < packs:
        assert time.monotonic() < deadline
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert list((repository / "locks").iterdir()) == []
    summary("backup", small_tree, "--repo", repository)
    check_repository(repository)


def test_two_backups_into_one_repository_at_once(
    small_tree: Path, tmp_path: Path, repository: Path
):
    other = tmp_path / "other"
    shutil.copytree(small_tree, other, symlinks=True, ignore=shutil.ignore_patterns("fifo"))
    with ThreadPoolExecutor() as pool:
        both = list(
            pool.map(lambda p: summary("backup", p, "--repo", repository), [small_tree, other])
        )
    assert [result["state"] for result in both] == ["SUCCEEDED", "SUCCEEDED"]
    check_repository(repository)
    assert len(json.loads(restic(repository, "snapshots", "--json"))) == 2


def test_the_password_is_nowhere_to_be_seen(small_tree: Path, repository: Path, tmp_path: Path):
    """Not in the arguments or the environment of any process that a backup starts."""
    write_file(os.fsencode(small_tree / "large"), 100 << 20, 5)
    secret = tmp_path / "password"
    secret.write_text(environment()["SLUICEGATE_PASSWORD"] + "\n")
    env = {k: v for k, v in environment().items() if not k.endswith("_PASSWORD")}
    process = subprocess.Popen(
        [BIN / "sluicegate", "backup", small_tree, "--repo", repository, "--password-file", secret],
        env=env,
        stderr=subprocess.PIPE,
    )
    looked_at = 0
    while process.poll() is None:
        for proc in Path("/proc").glob("[0-9]*"):
            try:
                words = (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
            except OSError:
                continue
            if b"container_agent.session" in words:
                looked_at += 1
                assert environment()["SLUICEGATE_PASSWORD"].encode() not in words
    process.communicate()
    assert process.returncode == 0
    assert looked_at > 0


def test_files_that_vanish_or_shrink_are_listed(tmp_path: Path, repository: Path):
    """A tree that moves under the backup: what is saved is whole, what is not is listed."""
    asset = tmp_path / "asset"
    asset.mkdir()
    for number in range(400):
        write_file(os.fsencode(asset / f"{number:03}"), 200_000, number)
    process = start_backup(asset, repository)
    while process.poll() is None and not list((repository / "data").rglob("*/*")):
        pass
    for number in range(399, 300, -1):
        (asset / f"{number:03}").unlink()
    out, said = process.communicate(timeout=60)
    assert process.returncode in (0, 3), said
    last = json.loads(out.splitlines()[-1])
    check_repository(repository)
    gone = {file["path"] for file in last["unread_files"] if file["reason"] == "VANISHED"}
    sluicegate("restore", "latest", "--repo", repository, "--to", tmp_path / "to")
    back = describe(tmp_path / "to" / str(asset).lstrip("/"))
    assert {os.fsdecode(path) for path in back} & gone == set()
    kept = {path: entry for path, entry in describe(asset).items() if path}
    assert differences(kept, {path: back[path] for path in kept}) == []
