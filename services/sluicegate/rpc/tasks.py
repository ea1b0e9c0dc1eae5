"""Tasks that live and fail together with a block."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Does work beside the block; what is not done at its end is cancelled, its fault raised."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group out of which the first fault comes as itself, not wrapped in a group.

    So whoever enters the block need not know that there are tasks.
    """
    fault: Exception | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            try:
                yield tasks
            except Exception as error:
                fault = error
                raise
    except BaseExceptionGroup as group:
        raise fault or group.exceptions[0] from group.__cause__
