"""The data manager as a program, and as a part of one."""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
from sluicegate.rpc.server import CannotListen, Server
from sluicegate.rpc.signals import until_signalled
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
            driver = Driver(orchestrator, store, RemoteProxies(channel, name), spans)
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


async def _serve(settings: Settings) -> None:
    async with running(settings) as addresses:
        print(*addresses, flush=True)
        await until_signalled()


@click.command()
@click.option(
    "--listen",
    multiple=True,
    default=["127.0.0.1:7601"],
    show_default=True,
    envvar="SLUICEGATE_DATA_MANAGER_LISTEN",
    show_envvar=True,
    help="Where to serve: host:port or unix:/path. May be given several times.",
)
@click.option(
    "--proxy-manager",
    default="127.0.0.1:7602",
    show_default=True,
    envvar="SLUICEGATE_PROXY_MANAGER",
    show_envvar=True,
    help="The proxy manager: host:port or unix:/path.",
)
@click.option(
    "--database",
    type=click.Path(path_type=Path),
    default=Path("data-manager.db"),
    show_default=True,
    envvar="SLUICEGATE_DATABASE",
    show_envvar=True,
    help="The database; it is made when there is none.",
)
@click.option(
    "--queue-policy",
    type=click.Choice([policy.value for policy in QueuePolicy]),
    default=QueuePolicy.FAIR.value,
    show_default=True,
    envvar="SLUICEGATE_QUEUE_POLICY",
    show_envvar=True,
    help="Which asset gets the next free stream.",
)
@click.option(
    "--reflection/--no-reflection",
    default=True,
    show_default=True,
    envvar="SLUICEGATE_REFLECTION",
    show_envvar=True,
    help="Let clients list the services.",
)
def data_manager(
    listen: tuple[str, ...],
    proxy_manager: str,
    database: Path,
    queue_policy: str,
    reflection: bool,
) -> None:
    """Serves the data manager until SIGTERM or SIGINT."""
    set_up_logs("data-manager")
    try:
        settings = Settings(listen, proxy_manager, database, reflection, queue_policy)
        asyncio.run(_serve(settings))
    except (CannotListen, DatabaseUnusable) as error:
        click.echo(f"data-manager: {error}", err=True)
        raise click.exceptions.Exit(1) from error


def main() -> None:
    """The console script."""
    data_manager()


if __name__ == "__main__":
    main()
