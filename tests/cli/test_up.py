"""`sluicegate up`: three services in the foreground, for other clients."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from commands import BIN, environment, sluicegate, summary

ANY_PORTS = ("--data-manager", "127.0.0.1:0", "--proxy-manager", "127.0.0.1:0")


@dataclass
class Up:
    """The command, and where its services serve."""

    process: subprocess.Popen[str]
    data_manager: str
    proxy_manager: str
    temporary: Path


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    temporary = tmp_path / "t"
    temporary.mkdir()
    process = subprocess.Popen(
        [BIN / "sluicegate", "up", *ANY_PORTS, "--state", tmp_path / "state"],
        env=environment({"TMPDIR": str(temporary)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    addresses = [process.stdout.readline().split()[-1] for _ in range(2)]
    yield Up(process, *addresses, temporary)
    process.terminate()
    process.communicate(timeout=30)


def services(address: str) -> set[str]:
    with grpc.insecure_channel(address) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        [answer] = stub.ServerReflectionInfo(iter([request]))
        return {found.name for found in answer.list_services_response.service}


def test_a_foreign_client_finds_every_service(up: Up):
    assert "sluicegate.v1.DataManagerService" in services(up.data_manager)
    assert {"sluicegate.v1.ProxyManagerService", "sluicegate.v1.HostService"} <= services(
        up.proxy_manager
    )


def test_a_backup_is_made_through_it_without_its_password(up: Up, tmp_path: Path):
    (tmp_path / "asset").mkdir()
    (tmp_path / "asset" / "file").write_text("content")
    sluicegate("init", "--repo", tmp_path / "repository")
    env = {"SLUICEGATE_PASSWORD": "", "RESTIC_PASSWORD": ""}
    found = summary(
        "backup", tmp_path / "asset", "--repo", tmp_path / "repository",
        "--server", up.data_manager, env=env,
    )  # fmt: skip
    assert (found["state"], found["files"]) == ("SUCCEEDED", 1)
    listed = sluicegate("snapshots", "--repo", tmp_path / "repository", "--json").stdout
    assert json.loads(listed)["id"] == found["snapshot_id"]


def test_a_past_backup_is_simulated_from_its_times(up: Up, tmp_path: Path):
    (tmp_path / "asset").mkdir()
    for number in range(4):
        (tmp_path / "asset" / f"file-{number}").write_bytes(os.urandom(200 << 10))
    sluicegate("init", "--repo", tmp_path / "repository")
    done = sluicegate(
        "backup", tmp_path / "asset", "--repo", tmp_path / "repository",
        "--server", up.data_manager, "--slice-bytes", "256KiB", "--json",
    )  # fmt: skip
    first, *_, last = map(json.loads, done.stdout.splitlines())
    words = ("--times-of", first["run_id"], "--server", up.data_manager, "--json")
    foreseen = json.loads(sluicegate("simulate", *words, "--places", "2").stdout)
    assert foreseen["slices"] == 4 and last["state"] == "SUCCEEDED"
    assert 0 < foreseen["least_seconds"] < 60


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--times-of", "b"), "--server"),
        (("--times-of", "b", "--mean", "1"), "one of --mean"),
    ],
)
def test_times_of_a_past_backup_need_one_who_knows(words: tuple[str, ...], told: str):
    done = sluicegate("simulate", *words, code=2)
    assert told in done.stderr and done.stderr.count("\n") == 1


def test_times_of_a_backup_that_never_was_are_refused_in_one_line(up: Up):
    words = ("--times-of", "nobody", "--server", up.data_manager)
    done = sluicegate("simulate", *words, code=1)
    assert "nobody" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_well_when_told(up: Up, tmp_path: Path, number: signal.Signals):
    up.process.send_signal(number)
    _, said = up.process.communicate(timeout=30)
    assert up.process.returncode == 0, said
    assert "Traceback" not in said
    assert list(up.temporary.iterdir()) == []
    assert (tmp_path / "state" / "data-manager.db").exists()


def test_a_taken_port_is_one_line(up: Up, tmp_path: Path):
    done = sluicegate(
        "up", "--data-manager", up.data_manager, "--proxy-manager", "127.0.0.1:0",
        "--state", tmp_path / "other", code=1, env={"TMPDIR": str(up.temporary)},
    )  # fmt: skip
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"sluicegate: cannot listen on {up.data_manager}")
    assert "Traceback" not in done.stderr


def test_a_state_that_cannot_be_is_said(tmp_path: Path):
    (tmp_path / "file").touch()
    state = tmp_path / "file" / "state"
    done = sluicegate("up", *ANY_PORTS, "--state", state, code=1)
    assert done.stderr == f"sluicegate: cannot make the directory {state}: Not a directory\n"


def test_an_embedded_run_leaves_nothing_behind(tmp_path: Path):
    temporary = tmp_path / "t"
    temporary.mkdir()
    (tmp_path / "asset").mkdir()
    sluicegate("init", "--repo", tmp_path / "repository")
    env = {"TMPDIR": str(temporary)}
    found = summary("backup", tmp_path / "asset", "--repo", tmp_path / "repository", env=env)
    assert found["state"] == "SUCCEEDED"
    assert list(temporary.iterdir()) == []
    assert os.listdir(tmp_path / "repository" / "locks") == []
