"""The one place where calls are made again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import tenacity

from sluicegate.rpc.refusals import Unreachable

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 5.0
T = TypeVar("T")

_jitter = tenacity.wait_random_exponential(multiplier=FIRST_SECONDS, max=LONGEST_SECONDS)


async def retrying(call: Callable[[], Awaitable[T]], *, deadline_seconds: float) -> T:
    """The answer of an idempotent call, made again with full jitter while it raises Unreachable.

    Everything together takes at most `deadline_seconds`; then Unreachable is raised.
    """
    attempts = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(Unreachable),
        wait=_wait,
        stop=tenacity.stop_before_delay(deadline_seconds),
        reraise=True,
    )

    async def once() -> T:
        # tenacity awaits what is a coroutine function, which a lambda is not.
        return await call()

    try:
        async with asyncio.timeout(deadline_seconds):
            return await attempts(once)
    except TimeoutError as error:
        raise Unreachable(f"no answer within {deadline_seconds:g} s") from error


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_seconds if isinstance(error, Unreachable) else 0.0
    return max(asked, _jitter(state))
