"""How the programs of the services run, and how they end."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

import click

from sluicegate.rpc.signals import until_signalled

T = TypeVar("T")


def serve(running: AbstractAsyncContextManager[T], said: Callable[[T], str]) -> None:
    """Runs a service until SIGTERM or SIGINT; prints a line when it runs."""
    asyncio.run(_until_signalled(running, said))


@contextmanager
def told(program: str, *faults: type[Exception]) -> Iterator[None]:
    """Around a program: these faults are one line that says what to do, and exit code 1."""
    try:
        yield
    except faults as error:
        click.echo(f"{program}: {error}", err=True)
        raise click.exceptions.Exit(1) from error


async def _until_signalled(
    running: AbstractAsyncContextManager[T], said: Callable[[T], str]
) -> None:
    # Before the line that tells others that it runs, since they may then tell it to end.
    signalled = asyncio.create_task(until_signalled())
    async with running as it:
        print(said(it), flush=True)
        await signalled
