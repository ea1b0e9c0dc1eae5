"""`python -m bench.control`: what the control plane can do, beside dask distributed.

Slices that do nothing go through the three real services, each a process of its own, by the method
continuous: every outcome is committed (SQLite, synchronous FULL) before it is acknowledged. dask
does as many empty tasks in memory, on as many threads. Then slices that take a while show the gap
between a slice's end and the next one's start.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from bench.idle_session import NOTES
from bench.measure import clean_environment
from sluicegate.rpc.channel import connect
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1 import slice_pb2
from sluicegate.v1.data_manager_service_pb2_grpc import DataManagerServiceStub

HOSTS = 2
SESSIONS = 24
# Held by a session at most: slices that do nothing are best handed out many at once.
SLICES_A_SESSION = 32
# What one backup's seal can name.
SLICES_A_BACKUP = 10_000
BIN = Path(sys.executable).parent
ROOT = Path(__file__).parent.parent
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Service:
    """A process that serves, and where."""

    name: str
    process: subprocess.Popen[str]
    address: str

    @property
    def cpu_seconds(self) -> float:
        """What it used so far, and what those of its children that ended did."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, stat[11:15])) / CLOCK_TICKS


@contextmanager
def service(name: str, *command: object, env: dict[str, str]) -> Iterator[Service]:
    """A process that is ready, ended afterwards."""
    process = subprocess.Popen(
        list(map(str, command)), env=env, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"{name} ended with {process.wait()} before it was ready")
        yield Service(name, process, line.split()[-1])
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def services(directory: Path) -> Iterator[list[Service]]:
    """The three services as deployed; the data manager is the last."""
    env = clean_environment("none") | {"PYTHONPATH": str(ROOT), NOTES: str(directory / "notes")}
    (directory / "notes").mkdir()
    with ExitStack() as stack:
        enter = stack.enter_context
        proxies = enter(
            service("proxy manager", BIN / "proxy-manager", "--listen", "127.0.0.1:0", env=env)
        )
        address = proxies.address
        hosts = [
            enter(
                service(
                    f"host {n}", sys.executable, "-m", "bench.idle_host", address, f"host-{n}",
                    SESSIONS, directory / f"host-{n}", env=env,
                )
            )
            for n in range(HOSTS)
        ]  # fmt: skip
        data_manager = enter(
            service(
                "data manager", BIN / "data-manager", "--listen", "127.0.0.1:0",
                "--proxy-manager", address, "--database", directory / "data-manager.db", env=env,
            )
        )  # fmt: skip
        yield [proxies, *hosts, data_manager]


async def back_up(address: str, slices: int, milliseconds: float) -> float:
    """Backs up as many slices, in backups of at most 10,000; how many seconds it took."""
    async with connect(address, Tracing()) as channel:
        stub = DataManagerServiceStub(channel)
        sizes = [min(SLICES_A_BACKUP, slices - n) for n in range(0, slices, SLICES_A_BACKUP)]
        began = time.monotonic()
        for number, size in enumerate(sizes):
            path = f"/{size}/{milliseconds}".encode()
            asset = pb.Asset(asset_id=f"a{number}", path=path)
            await stub.CreateAsset(pb.CreateAssetRequest(asset=asset))
            await stub.CreateBackup(
                pb.CreateBackupRequest(
                    backup_id=f"b{number}",
                    asset_id=asset.asset_id,
                    repository=slice_pb2.Repository(location="/nowhere"),
                    options=pb.BackupOptions(
                        method=pb.METHOD_CONTINUOUS,
                        streams=HOSTS * SESSIONS,
                        slices_per_session=SLICES_A_SESSION,
                    ),
                )
            )
        for number, size in enumerate(sizes):
            request = pb.WatchBackupRequest(backup_id=f"b{number}")
            async for message in stub.WatchBackup(request):
                status = message.backup.status
            if status.state != pb.RUN_STATE_SUCCEEDED or status.slices.done != size + 2:
                raise SystemExit(f"not all was done: {status}")
        return time.monotonic() - began


def run(slices: int, milliseconds: float, scratch: Path) -> tuple[float, list[float]]:
    """The seconds that it took, and all gaps in milliseconds. Prints who used how much."""
    directory = Path(tempfile.mkdtemp(prefix="control-", dir=scratch))
    try:
        with services(directory) as there:
            before = [service.cpu_seconds for service in there]
            took = asyncio.run(back_up(there[-1].address, slices, milliseconds))
            after = [service.cpu_seconds for service in there]
        used = {s.name: a - b for s, a, b in zip(there, after, before, strict=True)}
        notes = [json.loads(file.read_text()) for file in (directory / "notes").iterdir()]
        used[f"{len(notes)} sessions"] = sum(note["cpu"] for note in notes)
    finally:
        shutil.rmtree(directory)
    used["all"] = sum(used.values())
    each = (f"{name} {seconds / slices * 1e6:.0f}" for name, seconds in used.items())
    print("cpu of a slice in us:", ", ".join(each), flush=True)
    return took, sorted(gap * 1000 for note in notes for gap in note["gaps"])


def percentile(values: Sequence[float], percent: float) -> float:
    """Of sorted values."""
    return values[min(len(values) - 1, int(len(values) * percent / 100))]


def dask_seconds(tasks: int) -> float:
    """dask distributed, in a venv of its own: the seconds for as many empty tasks."""
    venv = ROOT / "build" / "dask"
    if not (venv / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        pip = [venv / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "distributed"], check=True)
    command = [venv / "bin" / "python", ROOT / "bench" / "dask_tasks.py", tasks, HOSTS, SESSIONS]
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.control", description=__doc__)
    parser.add_argument("--slices", type=int, default=30_000)
    parser.add_argument("--gap-slices", type=int, default=4_000)
    parser.add_argument("--gap-milliseconds", type=float, default=100)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--no-dask", action="store_true")
    parser.add_argument("--scratch", type=Path, default=Path("/var/tmp"))
    options = parser.parse_args()
    for _ in range(options.rounds if options.slices else 0):
        took, _ = run(options.slices, 0, options.scratch)
        print(f"sluicegate: {options.slices / took:8.0f} slices a second, each committed")
        if not options.no_dask:
            seconds = dask_seconds(options.slices)
            print(f"dask:       {options.slices / seconds:8.0f} tasks a second, in memory")
    if options.gap_slices:
        took, gaps = run(options.gap_slices, options.gap_milliseconds, options.scratch)
        print(
            f"gaps between slices of {options.gap_milliseconds:g} ms: mean {mean(gaps):.2f} ms,"
            f" 50 % {percentile(gaps, 50):.2f}, 99 % {percentile(gaps, 99):.2f},"
            f" most {gaps[-1]:.2f}; {options.gap_slices / took:.0f} slices a second"
        )


if __name__ == "__main__":
    main()
