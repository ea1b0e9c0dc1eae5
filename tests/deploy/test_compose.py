"""The compose file, on an engine: built, up, backed up, broken, restored, taken down."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from compare import describe, differences
from deploy.composed import SERVICES, Composed, machine, state

FILES = 300


@pytest.fixture
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    if os.geteuid() != 0:
        pytest.skip("an engine is started: that takes root")
    if not shutil.which("docker-compose"):
        pytest.skip("there is no docker-compose; `make engine` brings it")
    directory = tmp_path_factory.mktemp("c")
    with machine(directory) as engine:
        made = Composed(engine, directory)
        try:
            made.compose("up", "-d", *SERVICES)
            yield made
        finally:
            made.compose("kill", "seaweedfs")  # which waits for itself, when it is asked to end
            made.compose("down", "-v", "--remove-orphans")
        assert engine.docker("ps", "-aq") == "", "sessions end with their agents"


def fill(asset: Path) -> None:
    for number in range(FILES):
        path = asset / f"{number % 10}" / f"{number}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"%d " % number * 5000)


@pytest.mark.slow
def test_r1_r3_r6_the_deployment_backs_up_on_both_hosts_outlives_restarts_and_restores(
    composed: Composed,
):
    example = composed.volume("sluicegate-example")
    fill(example)
    composed.sluicegate("init")
    with composed.engine.events() as events:
        told = composed.sluicegate(
            "backup", "/example", "--method", "per-slice", "--slice-bytes", "1MiB", "--json"
        )
    last = json.loads(told.splitlines()[-1])
    assert last["state"] == "SUCCEEDED"
    assert last["streams"] > 1, "on two hosts, as they are spread"
    assert events.count("start") > last["slices"] > 5, "one for each, and the command's own"
    composed.compose("restart", "proxy-manager", "data-manager")
    composed.compose("up", "-d", *SERVICES)
    assert state(composed, "host-1", "host-2") == {"host-1": "running", "host-2": "running"}
    [kept] = composed.sluicegate("backups", "--json").splitlines()
    assert json.loads(kept)["snapshot_id"] == last["snapshot_id"], "its database is in a volume"
    composed.sluicegate("health")
    composed.sluicegate("drain-host", "host-1", "--wait")
    composed.sluicegate("restore", "latest", "--to", "/restored")
    restored = composed.volume("sluicegate-restored") / "example"
    assert differences(describe(example), describe(restored)) == []
    composed.sluicegate("prune")  # by restic, which is in the image
