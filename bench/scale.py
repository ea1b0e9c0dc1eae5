"""`python -m bench.scale`: the data manager with ten million slices in its database.

A real database is filled with a thousand backups, then the real orchestrator, driver and store work
on it with a simulated proxy manager of 48 places. Half of the backups are of the method batch, half
continuous. Slices are taken, put back and done; how many a second must not fall with their number,
and the data manager's memory stays under 300 MB.
"""

import argparse
import asyncio
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from bench.simulated_proxies import SimulatedProxies
from data_manager.core.effects import SaveRun
from data_manager.core.model import Request, Run, RunKind
from data_manager.core.options import Method, Options
from data_manager.core.orchestrator import Orchestrator
from data_manager.driver import Driver
from data_manager.spans import Spans
from data_manager.store import opened
from sluicegate.rpc.tasks import beside
from sluicegate.rpc.tracing import Tracing

STREAMS = 48
OPENING = """
INSERT INTO slices VALUES (?, 0, 'crawl', NULL, NULL, NULL, NULL, 'done', 1, 0, 0, NULL, x'', 0, 0)
"""
# As a crawl cuts them: end to end, the last one to the end of the walk.
BODIES = """
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :bodies)
INSERT INTO slices
SELECT :run_id, n, 'copy', CAST(printf('some/directory/%08d', n) AS BLOB), 0,
  CASE WHEN n < :bodies THEN CAST(printf('some/directory/%08d', n + 1) AS BLOB) END,
  CASE WHEN n < :bodies THEN 0 END,
  'queued', 0, 0, n, NULL, x'', 1000, 0
FROM numbers
"""


def runs_of(runs: int, bodies: int) -> list[Run]:
    """Backups that are crawled to their end."""
    made: list[Run] = []
    for number in range(runs):
        method = (Method.BATCH, Method.CONTINUOUS)[number % 2]
        options = Options(streams=STREAMS, slices_per_session=8, method=method)
        name, source = f"backup-{number:04}", b"/data/%d" % number
        request = Request(RunKind.BACKUP, "/repo", f"a{number}", source, options=options)
        made.append(
            Run(name, request, number, crawled=True, cut_through=None, bodies=bodies, batches=1)
        )
    return made


async def fill(database: Path, runs: int, slices: int) -> None:
    """A database in which all slices are queued."""
    made = runs_of(runs, slices // runs)
    async with opened(database) as store:
        await store.data_manager_id("dm-scale")
        await store.commit([SaveRun(run) for run in made])
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for begin in range(0, runs, 50):
            connection.execute("BEGIN")
            for run in made[begin : begin + 50]:
                connection.execute(OPENING, (run.run_id,))
                connection.execute(BODIES, {"run_id": run.run_id, "bodies": run.bodies})
            connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def work(database: Path, seconds: float) -> dict[str, float]:
    """A data manager that is started on a database and works for so long."""
    proxies = SimulatedProxies(STREAMS)
    chance = random.Random(1)
    began = time.monotonic()
    async with opened(database) as store:
        name = await store.data_manager_id("")
        driver = Driver(Orchestrator(name, chance.random), store, proxies, Spans(Tracing()))
        found = await store.unfinished()
        restart = time.monotonic() - began
        async with beside(driver.run(found)):
            await driver.ready.wait()
            lives = driver.orchestrator.state.lives
            await until(lambda: proxies.counted["done"] > 0)
            first = time.monotonic() - began
            # What a start costs is not what goes on.
            await until(lambda: not any(live.queue.loading for live in lives.values()))
            counted, began, cpu = proxies.counted.copy(), time.monotonic(), time.process_time()
            while time.monotonic() < began + seconds and lives:
                await asyncio.sleep(0.05)
            took, cpu = time.monotonic() - began, time.process_time() - cpu
            did = proxies.counted - counted
    return {
        "read": restart, "first": first, "seconds": took, "cpu": cpu, "taken": did["taken"],
        "done": did["done"], "put_back": did["put back"], "mib": peak_mib(),
    }  # fmt: skip


async def until(condition) -> None:  # noqa: ANN001
    """Waits for a condition."""
    while not condition():
        await asyncio.sleep(0.01)


def peak_mib() -> float:
    """The most memory that this process had, in MiB."""
    [line] = [x for x in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in x]
    return int(line.split()[1]) / 1024


def measure(runs: int, slices: int, seconds: float, scratch: Path) -> None:
    """Prints one line; the data manager is a process of its own, so that its memory is its own."""
    with tempfile.TemporaryDirectory(prefix="scale-", dir=scratch) as directory:
        database = Path(directory) / "db"
        began = time.monotonic()
        asyncio.run(fill(database, runs, slices))
        filled, size = time.monotonic() - began, database.stat().st_size
        command = [sys.executable, "-m", "bench.scale", "--work-on", database, "--seconds", seconds]
        done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True)
    told = json.loads(done.stdout)
    rates = (told[what] / told["seconds"] for what in ("taken", "put_back", "done"))
    print(
        f"{slices:>11,} {size / 2**20:>9,.0f} {filled:>7.1f} {told['read']:>7.2f}"
        f" {told['first']:>7.2f}", *(f"{rate:>9,.0f}" for rate in rates),
        f"{told['cpu'] / max(1, told['done']) * 1e6:>8.0f} {told['mib']:>7.0f}", flush=True,
    )  # fmt: skip


HEADER = (
    f"{'slices':>11} {'file MiB':>9} {'fill s':>7} {'read s':>7} {'first s':>7} {'taken/s':>9}"
    f" {'back/s':>9} {'done/s':>9} {'cpu us':>8} {'MiB':>7}"
)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("slices", nargs="*", type=int, default=[10_000, 1_000_000, 10_000_000])
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--scratch", type=Path, default=Path("/var/tmp"))
    parser.add_argument("--work-on", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work_on:
        print(json.dumps(asyncio.run(work(options.work_on, options.seconds))))
        return
    print(HEADER, flush=True)
    for slices in options.slices:
        measure(options.runs, slices, options.seconds, options.scratch)


if __name__ == "__main__":
    main()
