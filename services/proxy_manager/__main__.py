"""The proxy manager as a program, and as a part of one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated

import typer

from proxy_manager.core.model import Times
from proxy_manager.driver import Driver
from proxy_manager.service import served
from sluicegate.rpc.logs import set_up_logs
from sluicegate.rpc.server import CannotListen, Server
from sluicegate.rpc.signals import until_signalled
from sluicegate.rpc.tasks import task_group
from sluicegate.rpc.tracing import Tracing


@dataclass(frozen=True)
class Settings:
    """What a proxy manager is started with."""

    listen: tuple[str, ...]
    reflection: bool = True
    times: Times = field(default_factory=Times)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[list[str]]:
    """A proxy manager that serves inside the block; the addresses it serves on."""
    tracing = Tracing.from_environment("proxy-manager")
    driver = Driver(settings.times)
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
) -> None:
    """Serves the proxy manager until SIGTERM or SIGINT."""
    set_up_logs("proxy-manager")
    try:
        asyncio.run(_serve(Settings(tuple(listen), reflection)))
    except CannotListen as error:
        typer.echo(f"proxy-manager: {error}", err=True)
        raise typer.Exit(1) from error


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
