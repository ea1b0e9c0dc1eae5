"""How a service is told to end."""

import asyncio
import os
import signal

import pytest

from sluicegate.rpc.signals import until_signalled


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_wait(number: signal.Signals):
    waiting = asyncio.create_task(until_signalled())
    await asyncio.sleep(0)
    os.kill(os.getpid(), number)
    async with asyncio.timeout(5):
        await waiting
