"""The data manager as a program, and as a part of one."""

import asyncio
import random
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click

from data_manager.core.options import QueuePolicy
from data_manager.core.orchestrator import Orchestrator
from data_manager.driver import Driver
from data_manager.proxies import RemoteProxies
from data_manager.service import served
from data_manager.spans import Spans
from data_manager.store import DatabaseUnusable, Store, opened
from sluicegate.rpc.channel import connect
from sluicegate.rpc.logs import set_up_logs
from sluicegate.rpc.options import listen, option, queue_policy, reflection
from sluicegate.rpc.program import serve, told
from sluicegate.rpc.server import CannotListen, Server
from sluicegate.rpc.tasks import task_group
from sluicegate.rpc.tracing import Tracing


@dataclass(frozen=True)
class Settings:
    """What a data manager is started with."""

    listen: tuple[str, ...]
    proxy_manager: str
    database: Path
    reflection: bool = True
    queue_policy: str = QueuePolicy.FAIR
    # Which host repository snapshots are told to be of.
    snapshot_host: str = field(default_factory=socket.gethostname)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[list[str]]:
    """A data manager that serves inside the block; the addresses it serves on.

    It serves when it has taken up what its database has, and not before.
    """
    tracing = Tracing.from_environment("data-manager")
    try:
        async with (
            opened(settings.database) as store,
            connect(settings.proxy_manager, tracing) as channel,
            task_group() as tasks,
        ):
            name = await store.data_manager_id(f"dm-{secrets.token_hex(6)}")
            policy = QueuePolicy(settings.queue_policy)
            orchestrator = Orchestrator(name, random.random, policy)
            spans = Spans(tracing)
            proxies = RemoteProxies(channel, name, settings.snapshot_host)
            driver = Driver(orchestrator, store, proxies, spans)
            deciding = tasks.create_task(driver.run(await store.unfinished()))
            await driver.ready.wait()
            async with _serving(settings, driver, store, tracing) as addresses:
                yield addresses
            deciding.cancel()
            spans.close()
    finally:
        await asyncio.to_thread(tracing.shut_down)


@asynccontextmanager
async def _serving(
    settings: Settings, driver: Driver, store: Store, tracing: Tracing
) -> AsyncIterator[list[str]]:
    services = [served(driver, store)]
    server = Server(services, settings.listen, tracing, reflection=settings.reflection)
    try:
        yield await server.start()
    finally:
        driver.watches.close()
        await server.stop()


@click.command()
@listen("127.0.0.1:7601", "SLUICEGATE_DATA_MANAGER_LISTEN")
@option(
    "--proxy-manager",
    default="127.0.0.1:7602",
    envvar="SLUICEGATE_PROXY_MANAGER",
    help="The proxy manager: host:port or unix:/path.",
)
@option(
    "--database",
    type=click.Path(path_type=Path),
    default=Path("data-manager.db"),
    envvar="SLUICEGATE_DATABASE",
    help="The database; it is made when there is none.",
)
@option(
    "--snapshot-host",
    default=socket.gethostname(),
    envvar="SLUICEGATE_SNAPSHOT_HOST",
    help="The host that repository snapshots bear, wherever they are made.",
)
@queue_policy
@reflection
def data_manager(
    listen: tuple[str, ...],
    proxy_manager: str,
    database: Path,
    snapshot_host: str,
    queue_policy: str,
    reflection: bool,
) -> None:
    """Serves the data manager until SIGTERM or SIGINT."""
    set_up_logs("data-manager")
    settings = Settings(listen, proxy_manager, database, reflection, queue_policy, snapshot_host)
    with told("data-manager", CannotListen, DatabaseUnusable):
        serve(running(settings), " ".join)


def main() -> None:
    """The console script."""
    data_manager()


if __name__ == "__main__":
    main()
