"""A backup in containers on two hosts, by every method, proved by restic and restored."""

import json
import socket
from pathlib import Path

import pytest

from commands import check_repository, restic, sluicegate
from compare import describe, differences
from docker_deployment import Deployment, deployed, finished, until
from engines import Host
from trees import make_odd_entries, make_small_files

FILES = 3000


@pytest.fixture
def deployment(tmp_path: Path, both: list[Host]):
    root = tmp_path / "asset"
    root.mkdir()
    make_small_files(bytes(root), FILES, seed=1)
    make_odd_entries(bytes(root))
    with deployed(tmp_path, both) as made:
        made.init()
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("method", ["batch", "per-slice", "continuous"])
def test_r3_r8_sessions_are_containers_on_both_hosts_and_none_is_left(
    deployment: Deployment, both: list[Host], method: str
):
    with (
        both[0].events() as on_a,
        both[1].events() as on_b,
        deployment.backup("--method", method, "--streams", 6, "--slice-bytes", "2MiB") as backup,
    ):
        assert finished(backup)["files"] >= FILES
        until(lambda: not any(host.containers() for host in both), what="no container is left")
    for seen in (on_a, on_b):
        assert seen.count("create") == seen.count("start") == seen.count("destroy") > 0, seen
    # Whichever host crawls, it finds what any of them has stored before.
    with deployment.backup("--method", method, "--streams", 2) as again:
        assert finished(again)["read_bytes"] == 0
    (snapshot,) = json.loads(restic(deployment.repository, "snapshots", "--json", "latest"))
    assert snapshot["hostname"] == socket.gethostname()
    check_repository(deployment.repository)
    asset = describe(deployment.asset)
    # What Debian's restic cannot bring back is a target that is not UTF-8.
    left = [path for path in asset if path != b"odd/link not utf-8"]
    by_restic = deployment.asset.parent / "restic"
    restic(deployment.repository, "restore", "latest", "--target", by_restic)
    brought = describe(by_restic / deployment.asset.relative_to("/"))
    assert differences({p: asset[p] for p in left}, {p: brought[p] for p in left}) == []
    sluicegate(
        "restore", "latest", "--repo", deployment.repository, "--server", deployment.data,
        "--to", deployment.target,
    )  # fmt: skip
    ours = deployment.target / deployment.asset.relative_to("/")
    assert differences(asset, describe(ours)) == []
