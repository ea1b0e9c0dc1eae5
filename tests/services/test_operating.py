"""What people do with runs that a data manager has, by the command, at services of their own."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commands import BIN, environment, sluicegate
from deployment import Deployed, spread

WAIT_SECONDS = 90.0


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = tmp_path / "repository"
    sluicegate("init", "--repo", made)
    return made


@pytest.fixture
def asset(tmp_path: Path) -> Path:
    made = tmp_path / "asset"
    made.mkdir()
    (made / "file").write_bytes(b"content")
    return made


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[Deployed]:
    """The managers, without a host: whatever is begun waits."""
    with spread(tmp_path, {}) as found:
        yield found


def told(deployed: Deployed, *words: object, code: int = 0) -> list[dict]:
    """The objects that a command prints."""
    out = sluicegate(*words, "--server", deployed.data, "--json", code=code).stdout
    return [json.loads(line) for line in out.splitlines()]


def text(deployed: Deployed, *words: object) -> str:
    return sluicegate(*words, "--server", deployed.data).stdout


def refused(deployed: Deployed, *words: object) -> str:
    return sluicegate(*words, "--server", deployed.data, code=1).stderr


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {WAIT_SECONDS} s"
        time.sleep(0.05)


def begin(*words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [BIN / "sluicegate", *map(str, words)],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture
def waiting(deployed: Deployed, asset: Path, repository: Path) -> Iterator[str]:
    """A backup that waits for a host, and whoever began it waits for it."""
    begun = begin("backup", asset, "--repo", repository, "--server", deployed.data)
    try:
        until(lambda: bool(told(deployed, "backups")))
        [run] = told(deployed, "backups")
        yield run["run_id"]
    finally:
        begun.terminate()
        begun.communicate(timeout=WAIT_SECONDS)


def test_a_backup_that_waits_is_listed_shown_explained_cancelled_and_retried(
    deployed: Deployed, waiting: str, asset: Path, repository: Path
):
    assert told(deployed, "backups", "--state", "succeeded") == []
    head, line = text(deployed, "backups", "--state", "running").splitlines()
    assert head.split() == ["ID", "STATE", "BEGAN", "TOOK", "FILES", "READ", "SNAPSHOT", "OF"]
    assert line.split()[:2] == [waiting, "running"] and line.endswith(str(asset))
    shown = text(deployed, "status", waiting)
    assert f"of         {asset}" in shown and "streams    0 now" in shown
    [wait] = told(deployed, "explain", waiting)
    assert wait["reasons"] == ["NO_PLACE"]
    assert "why        no host has a place" in text(deployed, "explain", waiting)
    assert "still runs" in refused(deployed, "retry", waiting)

    text(deployed, "cancel", waiting)
    until(lambda: told(deployed, "status", waiting)[0]["state"] == "CANCELLED")
    shown = text(deployed, "status", waiting)
    assert "state      cancelled" in shown and "snapshot" not in shown
    deployed.add_host("h1", 2)
    *_, result = told(deployed, "retry", waiting)
    assert (result["state"], result["files"]) == ("SUCCEEDED", 1)
    done, cancelled = told(deployed, "backups")
    assert (done["snapshot_id"], cancelled["run_id"]) == (result["snapshot_id"], waiting)
    assert f"snapshot   {result['snapshot_id'][:8]}" in text(deployed, "status", done["run_id"])
    assert "is whole" in refused(deployed, "retry", done["run_id"])
    assert [run["run_id"] for run in told(deployed, "backups", "--last", 1)] == [done["run_id"]]


def test_who_watches_a_run_leaves_it_as_it_is_and_is_told_its_end(deployed: Deployed, waiting: str):
    words = ("status", waiting, "--watch", "--json", "--server", deployed.data)
    left, stayed = begin(*words), begin(*words)
    assert left.stdout
    events = map(json.loads, left.stdout)
    assert next(event for event in events if event["event"] == "progress"), "it is seen"
    left.send_signal(signal.SIGINT)
    _, said = left.communicate(timeout=WAIT_SECONDS)
    assert (left.returncode, f"{waiting} goes on" in said) == (130, True)
    deployed.add_host("h1", 2)
    out, _ = stayed.communicate(timeout=WAIT_SECONDS)
    assert stayed.returncode == 0
    assert json.loads(out.splitlines()[-1])["state"] == "SUCCEEDED"


def test_runs_of_every_kind_are_listed_and_shown(
    deployed: Deployed, asset: Path, repository: Path, tmp_path: Path
):
    deployed.add_host("h1", 2)
    at = ("--repo", repository)
    for words in (
        ("backup", asset, *at),
        ("restore", "latest", *at, "--to", tmp_path / "restored"),
        ("verify", *at),
        ("drill", *at),
        ("forget", *at, "--keep-last", 1),
        ("prune", *at),
        ("check", *at),
    ):
        text(deployed, *words)
    for plural, of in (
        ("backups", [str(asset)]),
        ("restores", [f"{tmp_path}/restored"]),
        ("verifies", ["drill", "verify"]),
        ("maintenances", ["check", "prune", "forget"]),
    ):
        runs = told(deployed, plural)
        assert [run["of"] for run in runs] == of
        for run in runs:
            assert told(deployed, "status", run["run_id"]) == [run]
            assert "state      succeeded" in text(deployed, "status", run["run_id"])
    check, prune, forget = told(deployed, "maintenances")
    assert "no errors were found" in text(deployed, "status", check["run_id"])
    assert "remain" in text(deployed, "status", prune["run_id"])
    assert "kept       1 snapshot" in text(deployed, "status", forget["run_id"])
    assert "no backup, restore, verify or maintenance" in refused(deployed, "status", "none")


def test_health_tells_of_every_service_and_host_and_fails_with_one(deployed: Deployed):
    deployed.add_host("h1", 2)
    words = ("--proxy-manager", deployed.proxies)
    seen = told(deployed, "health", *words)
    assert [(each["name"], each["state"]) for each in seen] == [
        ("data manager", "serving"), ("proxy manager", "serving"), ("proxy host", "attached"),
    ]  # fmt: skip
    [one] = told(deployed, "health", deployed.proxies)
    assert (one["where"], one["state"]) == (deployed.proxies, "serving")
    none = f"unix:{deployed.directory}/none"
    seen = told(deployed, "health", "--proxy-manager", none, code=1)
    assert [each["state"] for each in seen] == ["serving", "unreachable"]
