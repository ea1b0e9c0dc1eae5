"""The proxy manager as a program, and as a part of one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click

from proxy_manager.core.model import Times
from proxy_manager.core.rules import Policy, Rules, Threshold
from proxy_manager.driver import Driver
from proxy_manager.service import served
from proxy_manager.settings_store import DatabaseUnusable, settings_database
from sluicegate.rpc.logs import set_up_logs
from sluicegate.rpc.options import Words, listen, option, reflection
from sluicegate.rpc.program import serve, told
from sluicegate.rpc.server import CannotListen, Server
from sluicegate.rpc.tasks import task_group
from sluicegate.rpc.tracing import Tracing


@dataclass(frozen=True)
class Settings:
    """What a proxy manager is started with. Without a database it forgets at its end what
    operators set."""

    listen: tuple[str, ...]
    reflection: bool = True
    times: Times = field(default_factory=Times)
    rules: Rules = field(default_factory=Rules)
    database: Path | None = None


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[list[str]]:
    """A proxy manager that serves inside the block; the addresses it serves on."""
    async with AsyncExitStack() as stack:
        driver = await _driver(settings, stack)
        async with _serving(settings, driver) as addresses:
            yield addresses


async def _driver(settings: Settings, stack: AsyncExitStack) -> Driver:
    if settings.database is None:
        return Driver(settings.times, settings.rules)
    store = await stack.enter_async_context(settings_database(settings.database))
    return Driver(settings.times, settings.rules, await store.kept(), store)


@asynccontextmanager
async def _serving(settings: Settings, driver: Driver) -> AsyncIterator[list[str]]:
    tracing = Tracing.from_environment("proxy-manager")
    server = Server(served(driver), settings.listen, tracing, reflection=settings.reflection)
    try:
        addresses = await server.start()
        async with task_group() as tasks:
            time = tasks.create_task(driver.keep_time())
            yield addresses
            time.cancel()
    finally:
        driver.close()
        await server.stop()
        await asyncio.to_thread(tracing.shut_down)


def _share(name: str, default: float, text: str) -> Words:
    """An option that is a share of a host, from 0 to 1."""
    return option(
        f"--{name}",
        type=click.FloatRange(0.0, 1.0),
        default=default,
        envvar=f"SLUICEGATE_{name.upper().replace('-', '_')}",
        help=text,
    )


@click.command()
@listen("127.0.0.1:7602", "SLUICEGATE_PROXY_MANAGER_LISTEN")
@reflection
@option(
    "--database",
    type=click.Path(path_type=Path),
    envvar="SLUICEGATE_PROXY_MANAGER_DATABASE",
    help="Keeps what operators set, such as limits and drained hosts. Else: not kept.",
)
@option(
    "--placement",
    type=click.Choice(["spread", "pack"]),
    default="spread",
    envvar="SLUICEGATE_PLACEMENT",
    help="Spread sessions evenly, or fill one host before the next.",
)
@_share("cpu-high", 1.0, "Place no session on a host above this cpu load; 1: never so.")
@_share("cpu-low", 0.7, "Until it is below this. Hosts below it are preferred.")
@_share("memory-high", 0.95, "The same for memory; 1: never so.")
@_share("memory-low", 0.85, "The same for memory.")
@option(
    "--delay-seconds",
    type=click.FloatRange(min=0.1),
    envvar="SLUICEGATE_DELAY_SECONDS",
    help="Above a threshold place one session each so many seconds instead of none.",
)
@option(
    "--smoothing-seconds",
    type=click.FloatRange(min=0.1),
    default=Rules.smoothing_seconds,
    envvar="SLUICEGATE_SMOOTHING_SECONDS",
    help="Over how long measured loads are smoothed.",
)
@option(
    "--rest-seconds",
    type=click.FloatRange(min=0.0),
    default=Rules.rest_seconds,
    envvar="SLUICEGATE_REST_SECONDS",
    help="For how long at least a host that was above a threshold takes none.",
)
def proxy_manager(
    listen: tuple[str, ...],
    reflection: bool,
    database: Path | None,
    placement: str,
    cpu_high: float,
    cpu_low: float,
    memory_high: float,
    memory_low: float,
    delay_seconds: float | None,
    smoothing_seconds: float,
    rest_seconds: float,
) -> None:
    """Serves the proxy manager until SIGTERM or SIGINT."""
    set_up_logs("proxy-manager")
    cpu, memory = Threshold(cpu_high, cpu_low), Threshold(memory_high, memory_low)
    if cpu_low > cpu_high or memory_low > memory_high:
        raise click.UsageError("a low threshold is not above its high one")
    rules = Rules(
        Policy[placement.upper()],
        cpu,
        memory,
        smoothing_seconds,
        rest_seconds=rest_seconds,
        delay_seconds=delay_seconds,
    )
    settings = Settings(listen, reflection, rules=rules, database=database)
    with told("proxy-manager", CannotListen, DatabaseUnusable):
        serve(running(settings), " ".join)


def main() -> None:
    """The console script."""
    proxy_manager()


if __name__ == "__main__":
    main()
