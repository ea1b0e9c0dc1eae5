"""What the tests of the data manager's shell share."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from asking import ASSET, Client, services
from data_manager.core.model import Request, RunKind, Standing
from data_manager.core.options import Options
from data_manager.core.orchestrator import Orchestrator
from data_manager.driver import Driver
from data_manager.ports import Proxies
from data_manager.spans import Spans
from data_manager.store import opened
from sluicegate.rpc.tasks import beside
from sluicegate.rpc.tracing import Tracing


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Waits until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to hold in time"
        await asyncio.sleep(0.005)


async def over(driver: Driver, run_id: str) -> Standing:
    """How a run stands at its end."""
    async with asyncio.timeout(20):
        async for standing in driver.watches.watch(run_id):
            last = standing
    return last


def backup_of(asset_id: str = "asset", storage: str = "", **options: object) -> Request:
    source = b"/" + asset_id.encode()
    return Request(
        RunKind.BACKUP, "/repo", asset_id, source, storage=storage, options=Options(**options)
    )


@asynccontextmanager
async def data_manager(database: Path, proxies: Proxies) -> AsyncIterator[Driver]:
    """A driver over a real store."""
    async with opened(database) as store:
        name = await store.data_manager_id("dm-test")
        driver = Driver(Orchestrator(name, lambda: 0.1), store, proxies, Spans(Tracing()))
        async with beside(driver.run(await store.unfinished())):
            await driver.ready.wait()
            yield driver


@pytest.fixture
def tools() -> object:
    """The functions above, for tests."""

    class Tools:
        until = staticmethod(until)
        over = staticmethod(over)
        backup_of = staticmethod(backup_of)
        data_manager = staticmethod(data_manager)

    return Tools


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with services(tmp_path) as made:
        yield made


@pytest.fixture
async def waiting(tmp_path: Path) -> AsyncIterator[Client]:
    """Nothing ends, as there is no host."""
    async with services(tmp_path, places=0) as made:
        await made.call("CreateAsset", asset=ASSET)
        yield made
