"""How a service is told to end."""

import asyncio
import signal

SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def until_signalled() -> None:
    """Returns at the first SIGTERM or SIGINT. The next one ends the process as it always does."""
    loop = asyncio.get_running_loop()
    signalled = asyncio.Event()
    for number in SIGNALS:
        loop.add_signal_handler(number, signalled.set)
    try:
        await signalled.wait()
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
