"""How fast a session's container is there, and what it costs: `python -m bench.containers`.

Takes root, as it starts an engine of its own. The proxy manager and the agent of the host run as
they are deployed; the time is that of a Reserve call, which is answered when every container of it
has loaded all that a session needs and has said hello.
"""

import tempfile
import time
from pathlib import Path

import session_image
from docker_deployment import Deployment, deployed, until
from engines import Host, hosts
from sluicegate.v1 import proxy_manager_service_pb2 as pb

AT_ONCE = (1, 8, 24)
ROUNDS = 3
HOST_BYTES = 24 << 30
LIMIT_MIB = 512


def main() -> None:
    """Prints the figures."""
    with tempfile.TemporaryDirectory() as home:
        archive = Path(home) / "image.tar"
        session_image.build(archive)
        with hosts(archive, ["a"]) as (host,):
            print("Seconds from Reserve to containers that are ready to read")
            print(f"{'at once':>8} {'cold':>8} {'warm':>8}")
            cold = measured(Path(home) / "cold", host, 0)
            warm = measured(Path(home) / "warm", host, max(AT_ONCE))
            for number in AT_ONCE:
                print(f"{number:>8} {cold[number]:>8.2f} {warm[number]:>8.2f}")
            idle = idle_bytes(Path(home) / "idle", host)
        print(f"An idle session takes {idle / (1 << 20):.1f} MiB, the engine's part included.")
        print(
            f"A host of {HOST_BYTES >> 30} GiB holds {HOST_BYTES // idle:,} that are idle, and"
            f" {(HOST_BYTES >> 20) // LIMIT_MIB} that each take all of {LIMIT_MIB} MiB, the limit"
            " by default."
        )


def measured(directory: Path, host: Host, warm: int) -> dict[int, float]:
    """The best of some rounds, for each number of sessions at once."""
    (directory / "asset").mkdir(parents=True)
    options = {host.name: ("--warm-sessions", warm)}
    with deployed(directory, [host], sessions=max(AT_ONCE), host_options=options) as deployment:
        return {
            number: min(reserve(deployment, host, number, warm) for _ in range(ROUNDS))
            for number in AT_ONCE
        }


def reserve(deployment: Deployment, host: Host, number: int, warm: int) -> float:
    """How long the answer takes when so many sessions are asked for at once."""
    until(lambda: len(running(host)) == warm, 120)
    names = [f"s{index}" for index in range(number)]
    with deployment.stub() as stub:
        request = pb.ReserveRequest(data_manager_id="bench", session_ids=names)
        begun = time.perf_counter()
        answers = stub.Reserve(request, timeout=120).answers
        took = time.perf_counter() - begun
        assert all(answer.HasField("granted") for answer in answers)
        stub.Release(pb.ReleaseRequest(session_ids=names), timeout=10)
    until(lambda: not deployment.capacity()[host.name].ending, 60)
    return took


def running(host: Host) -> list[str]:
    """The containers that have loaded all and wait: their program sleeps at its door."""
    return [name for name in host.containers() if "birth" in waits_at(host, name)]


def waits_at(host: Host, name: str) -> str:
    """The command of its first process when that waits at a pipe; else nothing."""
    pid = host.docker("inspect", "--format", "{{.State.Pid}}", name, check=False).strip()
    try:
        waits = Path(f"/proc/{pid}/wchan").read_text()
        command = Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
    return command if any(word in waits for word in ("fifo", "partner", "pipe")) else ""


def idle_bytes(directory: Path, host: Host) -> int:
    """What each of 24 sessions that wait takes of the machine's memory."""
    (directory / "asset").mkdir(parents=True)
    number = max(AT_ONCE)
    with deployed(directory, [host], sessions=number, host_options={host.name: ()}):
        before = available()
    options = {host.name: ("--warm-sessions", number)}
    with deployed(directory, [host], sessions=number, host_options=options):
        until(lambda: len(running(host)) == number, 120)
        return (before - available()) // number


def available() -> int:
    """The memory that this machine has left, in bytes."""
    rows = (row.split() for row in Path("/proc/meminfo").read_text().splitlines())
    return next(int(row[1]) << 10 for row in rows if row[0] == "MemAvailable:")


if __name__ == "__main__":
    main()
