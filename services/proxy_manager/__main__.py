"""The proxy manager as a program, and as a part of one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

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


app = typer.Typer(add_completion=False)


def _share(name: str, text: str) -> Any:  # noqa: ANN401  # typer's options are untyped
    return typer.Option(envvar=f"SLUICEGATE_{name}", min=0.0, max=1.0, help=text)


@app.command()
def proxy_manager(
    listen: Annotated[
        list[str],
        typer.Option(
            envvar="SLUICEGATE_PROXY_MANAGER_LISTEN",
            help="Where to serve: host:port or unix:/path. May be given several times.",
        ),
    ] = ["127.0.0.1:7602"],  # noqa: B006  # typer reads it and changes nothing
    reflection: Annotated[
        bool,
        typer.Option(envvar="SLUICEGATE_REFLECTION", help="Let clients list the services."),
    ] = True,
    database: Annotated[
        Path | None,
        typer.Option(
            envvar="SLUICEGATE_PROXY_MANAGER_DATABASE",
            help="Keeps what operators set, such as limits and drained hosts. Else: not kept.",
        ),
    ] = None,
    placement: Annotated[
        Literal["spread", "pack"],
        typer.Option(
            envvar="SLUICEGATE_PLACEMENT",
            help="Spread sessions evenly, or fill one host before the next.",
        ),
    ] = "spread",
    cpu_high: Annotated[
        float, _share("CPU_HIGH", "Place no session on a host above this cpu load; 1: never so.")
    ] = 1.0,
    cpu_low: Annotated[
        float, _share("CPU_LOW", "Until it is below this. Hosts below it are preferred.")
    ] = 0.7,
    memory_high: Annotated[
        float, _share("MEMORY_HIGH", "The same for memory; 1: never so.")
    ] = 0.95,
    memory_low: Annotated[float, _share("MEMORY_LOW", "The same for memory.")] = 0.85,
    delay_seconds: Annotated[
        float | None,
        typer.Option(
            envvar="SLUICEGATE_DELAY_SECONDS",
            min=0.1,
            help="Above a threshold place one session each so many seconds instead of none.",
        ),
    ] = None,
) -> None:
    """Serves the proxy manager until SIGTERM or SIGINT."""
    set_up_logs("proxy-manager")
    cpu, memory = Threshold(cpu_high, cpu_low), Threshold(memory_high, memory_low)
    if cpu_low > cpu_high or memory_low > memory_high:
        raise typer.BadParameter("a low threshold is not above its high one")
    rules = Rules(Policy[placement.upper()], cpu, memory, delay_seconds=delay_seconds)
    settings = Settings(tuple(listen), reflection, rules=rules, database=database)
    try:
        asyncio.run(_serve(settings))
    except (CannotListen, DatabaseUnusable) as error:
        typer.echo(f"proxy-manager: {error}", err=True)
        raise typer.Exit(1) from error


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
