"""How often a stream speaks when there is always something to say."""

import asyncio
import time
from collections.abc import Callable

INTERVAL_SECONDS = 0.01
BURST = 20


class Pace:
    """Lets a busy stream gather what comes up, so that much travels in few messages.

    Whoever speaks seldom never waits: only after `burst` turns closer to one another than the
    interval does each next one wait till an interval after the one before. Then a message, with
    all that comes of it at the other end, carries what came up in an interval.
    """

    def __init__(
        self,
        interval_seconds: float = INTERVAL_SECONDS,
        burst: int = BURST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval = interval_seconds
        self._credit = interval_seconds * burst
        self._clock = clock
        # When the last turn would have been, had all kept to the interval.
        self._due = 0.0

    async def turn(self) -> None:
        """Returns when it is time to speak."""
        now = self._clock()
        if (wait := self._due - self._credit - now) > 0:
            await asyncio.sleep(wait)
        self._due = max(self._due, now + max(0.0, wait)) + self._interval
