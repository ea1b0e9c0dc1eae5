"""What happens to containers, engines, hosts and networks while a backup runs on two hosts.

Each time the backup succeeds, every slice of it counts once, and no container is left.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from commands import check_repository, restic
from docker_deployment import Deployment, deployed, finished, until
from engines import Host
from sluicegate.v1 import proxy_manager_service_pb2 as pb
from trees import write_file

FILES = 160
FILE_BYTES = 1 << 20
# A slice takes long enough to be in its midst when something happens to it.
SLOW = ("--session-cpus", "0.3")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def asset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("asset")
    for number in range(FILES):
        write_file(bytes(root / f"file-{number:03}"), FILE_BYTES, number)
    return root


@contextmanager
def running(
    directory: Path, asset: Path, hosts: list[Host], slice_bytes: str = "4MiB", **options: tuple
) -> Iterator[tuple[Deployment, Callable[[], dict]]]:
    """A backup in its midst on all these hosts, and how to hear that it is well over."""
    with deployed(
        directory,
        hosts,
        sessions=2,
        asset=asset,
        host_options={host.name: options.get(host.name, SLOW) for host in hosts},
    ) as deployment:
        deployment.init()
        with deployment.backup(
            "--method", "continuous", "--streams", 4, "--slice-bytes", slice_bytes
        ) as backup:
            yield deployment, lambda: over(deployment, finished(backup), hosts)


def over(deployment: Deployment, told: dict, hosts: list[Host]) -> dict:
    """The backup is whole, in the repository and in what is told of it."""
    until(lambda: not any(host.containers() for host in hosts), what="no container is left")
    assert (told["files"], told["read_bytes"]) == (FILES, FILES * FILE_BYTES), told
    check_repository(deployment.repository)
    stats = json.loads(restic(deployment.repository, "stats", "latest", "--json"))
    assert stats["total_size"] == FILES * FILE_BYTES
    return told


def busy(deployment: Deployment, *hosts: Host) -> None:
    """Waits until sessions work on these hosts."""

    def all_busy() -> bool:
        capacity = deployment.capacity()
        return all(host.name in capacity and capacity[host.name].running for host in hosts)

    until(all_busy, what="sessions run on all hosts")


def used_on(deployment: Deployment, host_name: str) -> int:
    """The memory that the sessions of a host use, as the proxy manager tells it."""
    with deployment.stub() as stub:
        told = stub.GetHost(pb.GetHostRequest(host_name=host_name), timeout=10)
    return sum(session.usage.memory_bytes for session in told.sessions)


def test_f1_a_killed_container_is_replaced_and_its_slices_are_done_elsewhere(
    tmp_path: Path, asset: Path, both: list[Host]
):
    with running(tmp_path, asset, both) as (deployment, whole):
        busy(deployment, *both)
        for host in both:
            host.docker("kill", host.containers()[0])
        whole()


def test_f17_who_runs_out_of_memory_is_told_as_that_and_its_slices_are_done_elsewhere(
    tmp_path: Path, asset: Path, both: list[Host], capfd: pytest.CaptureFixture[str]
):
    small = ("--session-memory-mib", "40")
    with running(tmp_path, asset, both, "40MiB", a=small) as (_, whole):
        whole()
    assert "took more memory than it may have" in capfd.readouterr().err


def test_f2_a_container_that_is_paused_is_removed_and_its_slices_are_done_elsewhere(
    tmp_path: Path, asset: Path, both: list[Host]
):
    a, _ = both
    with running(tmp_path, asset, both) as (deployment, whole):
        busy(deployment, *both)
        paused = a.containers()[0]
        a.docker("pause", paused)
        until(lambda: paused not in a.containers(), 30, "the paused container is gone")
        whole()


def test_f1_sessions_outlive_their_host_agent_and_are_adopted_by_the_next(
    tmp_path: Path, asset: Path, both: list[Host]
):
    a, _ = both
    with running(tmp_path, asset, both) as (deployment, whole):
        busy(deployment, *both)
        before = set(a.containers())
        deployment.agents["a"].kill()
        assert before & set(a.containers())
        deployment.agents["a"].start()
        assert before & set(a.containers()), "adopted, not replaced"
        assert deployment.capacity()["a"].running > 0
        whole()


def test_f1_containers_outlive_their_engine(tmp_path: Path, asset: Path, both: list[Host]):
    a, _ = both
    with running(tmp_path, asset, both) as (deployment, whole):
        busy(deployment, *both)
        a.kill_engine()
        time.sleep(1)
        a.start_engine()
        whole()


@pytest.mark.parametrize("directions", [("OUTPUT",), ("INPUT",), ("INPUT", "OUTPUT")])
def test_f5_a_host_that_is_cut_off_loses_its_slices_and_is_used_again_when_healed(
    tmp_path: Path, asset: Path, both: list[Host], directions: tuple[str, ...]
):
    a, _ = both
    with running(tmp_path, asset, both) as (deployment, whole):
        busy(deployment, *both)
        a.cut_off(*directions)
        try:
            until(lambda: not deployment.capacity()["a"].running, 30, "its sessions count as lost")
        finally:
            a.heal()
        until(lambda: deployment.capacity()["a"].closed == 0, 30, "it is attached again")
        whole()


def test_f20_a_host_that_is_drained_ends_what_it_has_and_takes_no_more(
    tmp_path: Path, asset: Path, both: list[Host]
):
    a, _ = both
    with running(tmp_path, asset, both) as (deployment, whole), deployment.stub() as stub:
        busy(deployment, *both)
        stub.DrainHost(pb.DrainHostRequest(host_name="a"), timeout=10)
        until(lambda: not a.containers(), 60, "what ran on it is over")
        busy(deployment, both[1])
        assert a.containers() == []
        whole()
        stub.ResumeHost(pb.ResumeHostRequest(host_name="a"), timeout=10)


def test_f19_a_host_whose_image_does_not_start_is_quarantined_and_the_other_does_the_work(
    tmp_path: Path, asset: Path, both: list[Host]
):
    a, _ = both
    a.docker("tag", a.empty_image(), "broken:test")
    # The last of an option that is given twice counts.
    broken = ("--image", "broken:test")
    with running(tmp_path, asset, both, a=broken) as (deployment, whole):
        until(
            lambda: deployment.capacity()["a"].closed == pb.DECLINE_REASON_QUARANTINED,
            30,
            "it is in quarantine",
        )
        assert a.containers() == []
        whole()


def test_r7_a_host_whose_sessions_die_at_once_is_quarantined_and_let_back(
    tmp_path: Path, asset: Path, both: list[Host]
):
    a, _ = both
    slow = ("--session-cpus", "0.05")
    with running(tmp_path, asset, both, b=slow) as (deployment, whole):

        def quarantined() -> bool:
            for name in a.containers():
                a.docker("kill", name, check=False)
            return deployment.capacity()["a"].closed == pb.DECLINE_REASON_QUARANTINED

        until(quarantined, 30, "it is in quarantine")
        until(lambda: used_on(deployment, "b"), 30, "what its sessions use is told")
        until(lambda: deployment.capacity()["a"].running, 60, "it is let back")
        whole()
