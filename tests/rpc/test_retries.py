"""Calls are made again in one place, and never past their deadline."""

import asyncio
import time

import pytest

from sluicegate.rpc.refusals import Reason, Refusal, Unreachable
from sluicegate.rpc.retries import retrying


class Flaky:
    """Fails so often, then answers."""

    def __init__(self, failures: int, error: Exception | None = None) -> None:
        self.calls = 0
        self._failures = failures
        self._error = error or Unreachable("not yet")

    async def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self._failures:
            raise self._error
        return "answer"


async def test_what_does_not_answer_is_asked_again():
    call = Flaky(3)
    assert await retrying(call, deadline_seconds=10) == "answer"
    assert call.calls == 4


async def test_a_lambda_is_asked_again_as_well():
    call = Flaky(1)
    assert await retrying(lambda: call(), deadline_seconds=10) == "answer"


async def test_a_refusal_is_not_asked_again():
    call = Flaky(1, Refusal(Reason.ASSET_UNKNOWN, "no such asset"))
    with pytest.raises(Refusal):
        await retrying(call, deadline_seconds=10)
    assert call.calls == 1


async def test_the_deadline_bounds_everything():
    begun = time.monotonic()
    with pytest.raises(Unreachable, match="not yet"):
        await retrying(Flaky(10**9), deadline_seconds=0.5)
    assert time.monotonic() - begun < 2


async def test_a_call_that_hangs_is_given_up_at_the_deadline():
    async def hang() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Unreachable, match=r"within 0\.1 s"):
        await retrying(hang, deadline_seconds=0.1)


async def test_the_service_says_when_to_come_back():
    begun = time.monotonic()
    await retrying(Flaky(1, Unreachable("ends", retry_seconds=0.3)), deadline_seconds=10)
    assert time.monotonic() - begun >= 0.3


async def test_a_wait_that_would_pass_the_deadline_is_not_begun():
    begun = time.monotonic()
    with pytest.raises(Unreachable, match="ends"):
        await retrying(Flaky(9, Unreachable("ends", retry_seconds=60)), deadline_seconds=5)
    assert time.monotonic() - begun < 1
