"""The proxy manager as a program, and as a part of one."""

import asyncio
from collections.abc import AsyncIterator, Callable
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
from sluicegate.rpc.server import CannotListen, Server
from sluicegate.rpc.signals import until_signalled
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


async def _serve(settings: Settings) -> None:
    # Before the line that tells others that it runs, since they may then tell it to end.
    signalled = asyncio.create_task(until_signalled())
    async with running(settings) as addresses:
        print(*addresses, flush=True)
        await signalled


Serving = Callable[..., None]


def _share(name: str, default: float, text: str) -> Callable[[Serving], Serving]:
    """An option that is a share of a host, from 0 to 1."""
    return click.option(
        f"--{name}",
        type=click.FloatRange(0.0, 1.0),
        default=default,
        show_default=True,
        envvar=f"SLUICEGATE_{name.upper().replace('-', '_')}",
        show_envvar=True,
        help=text,
    )


@click.command()
@click.option(
    "--listen",
    multiple=True,
    default=["127.0.0.1:7602"],
    show_default=True,
    envvar="SLUICEGATE_PROXY_MANAGER_LISTEN",
    show_envvar=True,
    help="Where to serve: host:port or unix:/path. May be given several times.",
)
@click.option(
    "--reflection/--no-reflection",
    default=True,
    show_default=True,
    envvar="SLUICEGATE_REFLECTION",
    show_envvar=True,
    help="Let clients list the services.",
)
@click.option(
    "--database",
    type=click.Path(path_type=Path),
    envvar="SLUICEGATE_PROXY_MANAGER_DATABASE",
    show_envvar=True,
    help="Keeps what operators set, such as limits and drained hosts. Else: not kept.",
)
@click.option(
    "--placement",
    type=click.Choice(["spread", "pack"]),
    default="spread",
    show_default=True,
    envvar="SLUICEGATE_PLACEMENT",
    show_envvar=True,
    help="Spread sessions evenly, or fill one host before the next.",
)
@_share("cpu-high", 1.0, "Place no session on a host above this cpu load; 1: never so.")
@_share("cpu-low", 0.7, "Until it is below this. Hosts below it are preferred.")
@_share("memory-high", 0.95, "The same for memory; 1: never so.")
@_share("memory-low", 0.85, "The same for memory.")
@click.option(
    "--delay-seconds",
    type=click.FloatRange(min=0.1),
    envvar="SLUICEGATE_DELAY_SECONDS",
    show_envvar=True,
    help="Above a threshold place one session each so many seconds instead of none.",
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
) -> None:
    """Serves the proxy manager until SIGTERM or SIGINT."""
    set_up_logs("proxy-manager")
    cpu, memory = Threshold(cpu_high, cpu_low), Threshold(memory_high, memory_low)
    if cpu_low > cpu_high or memory_low > memory_high:
        raise click.UsageError("a low threshold is not above its high one")
    rules = Rules(Policy[placement.upper()], cpu, memory, delay_seconds=delay_seconds)
    settings = Settings(listen, reflection, rules=rules, database=database)
    try:
        asyncio.run(_serve(settings))
    except (CannotListen, DatabaseUnusable) as error:
        click.echo(f"proxy-manager: {error}", err=True)
        raise click.exceptions.Exit(1) from error


def main() -> None:
    """The console script."""
    proxy_manager()


if __name__ == "__main__":
    main()
