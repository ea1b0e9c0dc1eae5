"""Sessions go where there is room: by what the hosts really feel, measured in their own groups."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from docker_deployment import Deployment, deployed, until
from engines import CGROUPS, IMAGE, Host
from sluicegate.v1 import proxy_manager_service_pb2 as pb

pytestmark = pytest.mark.slow
# Smoothing and rest are short, so that a test can wait for them; the thresholds are the usual ones.
HIGH, LOW = 0.85, 0.7
RULES = (
    "--cpu-high", HIGH, "--cpu-low", LOW, "--memory-high", HIGH, "--memory-low", LOW,
    "--smoothing-seconds", "2", "--rest-seconds", "3",
)  # fmt: skip
BURN = "while True: pass"
HOST_MEMORY_BYTES = 1 << 30
FILL = f"import time; held = b'x' * {HOST_MEMORY_BYTES * 89 // 100}; time.sleep(600)"
# What one processor is to a host: a half of it is all that this one may use.
QUOTA_US = 50_000


@pytest.fixture
def deployment(tmp_path: Path, both: list[Host]) -> Iterator[Deployment]:
    (tmp_path / "asset").mkdir()
    with limited(both), deployed(tmp_path, both, sessions=8, proxies_options=RULES) as made:
        yield made


@contextmanager
def limited(hosts: list[Host]) -> Iterator[None]:
    """Makes the hosts small, so that little fills them and the machine hardly notices."""
    for host in hosts:
        write(host, "memory", "memory.limit_in_bytes", HOST_MEMORY_BYTES)
        write(host, "cpu", "cpu.cfs_quota_us", QUOTA_US)
    try:
        yield
    finally:
        for host in hosts:
            write(host, "memory", "memory.limit_in_bytes", -1)
            write(host, "cpu", "cpu.cfs_quota_us", -1)


def write(host: Host, controller: str, file: str, value: int) -> None:
    (CGROUPS / controller / host.group / file).write_text(str(value))


@contextmanager
def burdened(host: Host, code: str) -> Iterator[None]:
    """Something else that runs on a host, in its engine too."""
    name = host.docker("run", "-d", "--network", "none", IMAGE, "python3", "-c", code).strip()
    try:
        yield
    finally:
        with suppress(subprocess.SubprocessError):
            host.docker("rm", "-f", name)


def placed(deployment: Deployment, sessions: int, number: list[int]) -> list[str]:
    """Where that many sessions are placed now; the places are given back."""
    number[0] += 1
    names = [f"s{number[0]}-{index}" for index in range(sessions)]
    with deployment.stub() as stub:
        asked = pb.ReserveRequest(data_manager_id="test", session_ids=names)
        answers = stub.Reserve(asked, timeout=60).answers
        stub.Release(pb.ReleaseRequest(session_ids=names), timeout=10)
    until(lambda: not any(h.held or h.ending for h in deployment.capacity().values()), 30)
    return [answer.granted.host_name for answer in answers if answer.HasField("granted")]


@pytest.mark.parametrize("kind", ["cpu", "memory"])
def test_r80_r84_who_is_over_takes_none_and_is_preferred_again_once_it_is_under(
    deployment: Deployment, both: list[Host], kind: str
):
    a, _ = both
    number = [0]
    assert set(placed(deployment, 2, number)) == {"a", "b"}
    with burdened(a, BURN if kind == "cpu" else FILL):
        until(lambda: load(deployment, kind) > (True, HIGH), 30, "a is over")
        assert placed(deployment, 2, number) == ["b", "b"]
    # Hysteresis: below the high threshold it stays closed until it is below the low one.
    while_over = []
    deadline = time.monotonic() + 60
    while (now := load(deployment, kind))[0]:
        while_over.append(now[1])
        assert time.monotonic() < deadline, "it does not open again"
        time.sleep(0.1)
    assert min(while_over) < HIGH
    assert now[1] < LOW
    assert "a" in placed(deployment, 2, number)


def load(deployment: Deployment, kind: str) -> tuple[bool, float]:
    """Whether host a is over, and its load."""
    host = deployment.capacity()["a"]
    return host.closed == pb.DECLINE_REASON_OVER_THRESHOLD, getattr(host, kind)
