"""Containers that are started ahead of the sessions that they are for."""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from container_agent.host.runtime import StartFailed
from container_agent.host.session_container import SessionContainer

# After one could not be started the next is tried later, and later each time.
FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
LOOK_SECONDS = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ready:
    """A container that waits, and the pipe on which it hears for whom."""

    container: SessionContainer
    door: int


class WarmPool:
    """Keeps so many containers ready; whoever needs one takes it, or has one made."""

    def __init__(self, make: Callable[[], Awaitable[Ready]], wanted: int) -> None:
        self._make = make
        self._wanted = wanted
        self._ready: deque[Ready] = deque()
        self._taken = asyncio.Event()

    async def take(self) -> Ready:
        """A container that is ready; StartFailed when none can be made."""
        while self._ready:
            ready = self._ready.popleft()
            self._taken.set()
            if not ready.container.gone:
                return ready
            os.close(ready.door)
        return await self._make()

    async def keep(self) -> None:
        """Makes one whenever one is missing, until cancelled."""
        failures = 0
        while True:
            self._drop_gone()
            if len(self._ready) >= self._wanted:
                self._taken.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._taken.wait()
                continue
            try:
                self._ready.append(await self._make())
                failures = 0
            except StartFailed as error:
                log.warning("no container could be started ahead: %s", error)
                await asyncio.sleep(min(LONGEST_SECONDS, FIRST_SECONDS * 2**failures))
                failures = min(failures + 1, 10)

    def empty(self) -> None:
        """Gives up those that wait."""
        while self._ready:
            ready = self._ready.popleft()
            os.close(ready.door)
            ready.container.kill()

    def _drop_gone(self) -> None:
        for ready in list(self._ready):
            if ready.container.gone:
                self._ready.remove(ready)
                os.close(ready.door)
