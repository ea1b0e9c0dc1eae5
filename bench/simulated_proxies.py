"""A proxy manager without a wire, whose sessions work as fast as they are heard."""

import asyncio
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import NoReturn

from data_manager.assignments import Assignment
from data_manager.core import events
from data_manager.core.model import Counts, Failure, Session
from data_manager.ports import Listener

BATCH = 256
# Of every so many: a slice that fails and is put back, a session that is declined.
FAILS = 50
DECLINES = 10


class SimulatedProxies:
    """The port of the driver, with so many places. Counts what it is given and what it says."""

    def __init__(self, places: int) -> None:
        self.counted: Counter[str] = Counter()
        self._places = places
        self._held: set[str] = set()
        self._running: dict[str, Session] = {}
        self._said: deque[events.Outcome] = deque()
        self._wake = asyncio.Event()

    async def capacity(self) -> tuple[int, tuple[str, ...]]:
        """What is free."""
        return self._free, ()

    async def reserve(
        self, session_ids: Sequence[str], avoid: Mapping[str, str]
    ) -> Mapping[str, str]:
        """All that there is a place for, but some."""
        granted: dict[str, str] = {}
        for session_id in session_ids:
            self.counted["reservations"] += 1
            if self._free > 0 and self.counted["reservations"] % DECLINES:
                self._held.add(session_id)
                granted[session_id] = "host"
        return granted

    async def release(self, session_ids: Sequence[str]) -> None:
        """Gives places back."""
        self._held.difference_update(session_ids)

    async def initiate(self, session: Session, assignments: Sequence[Assignment]) -> None:
        """A session does what it is given."""
        self._held.discard(session.session_id)
        self._running[session.session_id] = session
        self._do(session.session_id, assignments)
        if not session.fed:
            self._end(session.session_id)

    async def feed(self, foods: Mapping[str, Sequence[Assignment]]) -> frozenset[str]:
        """Sessions do more."""
        for session_id, assignments in foods.items():
            self._do(session_id, assignments)
        return frozenset()

    async def drain(self, session_id: str) -> None:
        """A session ends."""
        self._end(session_id)

    async def cancel(self, session_id: str) -> None:
        """A session ends."""
        self._end(session_id)

    async def listen(self, listener: Listener) -> NoReturn:
        """Says what is done, batch by batch."""
        await listener.connected()
        while True:
            while not self._said:
                self._wake.clear()
                await self._wake.wait()
            batch = [self._said.popleft() for _ in range(min(BATCH, len(self._said)))]
            await listener.take(batch)

    async def watch(self, listener: Listener) -> NoReturn:
        """There is never more."""
        await listener.grew()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    @property
    def _free(self) -> int:
        return self._places - len(self._held) - len(self._running)

    def _do(self, session_id: str, assignments: Sequence[Assignment]) -> None:
        for assignment in assignments:
            slice_ = assignment.task.slice
            self.counted["taken"] += 1
            fails = self.counted["taken"] % FAILS == 0
            self.counted["put back" if fails else "done"] += 1
            self._said.append(
                events.SliceEnded(
                    session_id,
                    slice_.slice_id,
                    slice_.attempt,
                    failure=Failure.TRANSIENT if fails else None,
                    result_id=bytes(32),
                    counts=Counts(files=1),
                    took_ms=5,
                )
            )
        self._wake.set()

    def _end(self, session_id: str) -> None:
        if self._running.pop(session_id, None):
            self._said.append(events.SessionEnded(session_id))
            self._wake.set()
