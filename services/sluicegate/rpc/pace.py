"""How often a stream speaks when there is always something to say."""

import asyncio
import time
from collections.abc import Callable

LEAST_SECONDS = 0.01
MOST_SECONDS = 0.025
# A stream that carries more than one thing in so long gathers for longer: it is throughput that
# counts then, and no longer how soon each is told.
EACH_SECONDS = 0.0008
BURST = 20


class Pace:
    """Lets a busy stream gather what comes up, so that much travels in few messages.

    Whoever speaks seldom never waits: only after `burst` turns closer to one another than the
    interval does each next one wait till an interval after the one before. Then a message, with
    all that comes of it at the other end, carries what came up in an interval.
    """

    def __init__(self, burst: int = BURST, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._clock = clock
        # When the next turn would be, had all kept to the interval.
        self._due = 0.0

    async def turn(self, carried: int) -> None:
        """Returns when it is time to speak, when the last message carried so much."""
        interval = min(max(LEAST_SECONDS, carried * EACH_SECONDS), MOST_SECONDS)
        credit = self._burst * LEAST_SECONDS
        now = self._clock()
        if (wait := self._due - credit - now) > 0:
            await asyncio.sleep(wait)
        # Of the time that it was silent no more is remembered than makes a burst.
        self._due = max(self._due, now) + interval
