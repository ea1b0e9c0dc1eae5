"""How a stream with messages both ways begins."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

from sluicegate.rpc.refusals import Reason, Refusal

HELLO_SECONDS = 10.0
T = TypeVar("T")


async def first(requests: AsyncIterator[T]) -> T:
    """The message that opens a stream."""
    try:
        async with asyncio.timeout(HELLO_SECONDS):
            return await anext(requests)
    except (TimeoutError, StopAsyncIteration) as error:
        message = f"the stream was not opened by a hello within {HELLO_SECONDS:g} s"
        raise Refusal(Reason.INVALID, message) from error
