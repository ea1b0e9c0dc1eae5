"""A session: takes slices from its host agent, works on one by one, says what became of each.

The event loop only talks. The work, and all that is slow to load, is in one thread beside it, which
goes from slice to slice by itself and leaves what became of each for the loop to say.
"""

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from container_agent.session.link import Link, standing_of
from container_agent.session.outbox import Outbox, Said
from container_agent.session.waiting import WaitingSlices
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import outcome_pb2, session_service_pb2, slice_pb2

if TYPE_CHECKING:
    from container_agent.session.work import Work

PROGRESS_SECONDS = 0.5
# What happens within this goes up in one message: each costs as much as a file or three, and takes
# turns with the working thread.
GATHER_SECONDS = 0.002
OUTCOMES_MAX = 500
# A data manager that is started anew, or cut off for a while, finds the outcomes kept for it.
COMMIT_SECONDS = 900.0


class NotCommitted(Exception):
    """Nobody has committed this session's outcomes, for longer than it waits."""


def load_work() -> None:
    """Loads what the work needs, while the hello is on its way and the work is not there yet."""
    import container_agent.session.work  # noqa: F401


class Runner:
    """One session, from its hello to its goodbye."""

    def __init__(
        self, session_id: str, link: Link, tracing: Tracing, commit_seconds: float = COMMIT_SECONDS
    ) -> None:
        self._session_id = session_id
        self._link = link
        self._tracing = tracing
        self._commit_seconds = commit_seconds
        self._outbox = Outbox(session_id)
        self._begin: session_service_pb2.SessionStart | None = None
        self._slices = WaitingSlices()
        self._taken: set[tuple[str, int]] = set()
        self._work: Work | None = None
        # What became of slices, on its way from the working thread, which wakes the loop only if
        # it has not woken it for an earlier one.
        self._done: deque[outcome_pb2.SliceEnd] = deque()
        self._woken = False
        self._ended = False
        self._stopping = threading.Event()
        # Set when there may be something for who waits; he looks for himself.
        self._to_say = asyncio.Event()
        self._freed = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="work")

    async def run(self, token: str) -> None:
        """Lives until drained or cancelled and everything is committed, or raises."""
        self._loop = asyncio.get_running_loop()
        await self._link.hello(self._session_id, token)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            speaking = tasks.create_task(self._speak())
            await self._loop.run_in_executor(self._thread, self._do_slices)
            await asyncio.to_thread(self._tracing.shut_down)
            await self._until(lambda: not self._done and len(self._outbox) == 0)
            self._ended = True
            self._to_say.set()
            await speaking
            await self._link.goodbye()

    async def _listen(self) -> None:
        async for command in self._link.commands(self._standing):
            match command.WhichOneof("command"):
                case "start":
                    self._start(command.start)
                case "feed":
                    self._take(command.feed.slices)
                case "drain":
                    self._slices.drain()
                case "cancel":
                    self._cancel()
                case "acknowledge":
                    through = command.acknowledge.through_outcome_number
                    self._outbox.acknowledge(through, time.monotonic())
                    self._freed.set()

    def _standing(self) -> session_service_pb2.SessionStanding:
        return standing_of(self._begin, self._outbox)

    def _start(self, start: session_service_pb2.SessionStart) -> None:
        if self._begin is None:
            self._begin = start
            self._take(start.work.slices)
            self._slices.begin()
            if start.work.drain:
                self._slices.drain()

    def _take(self, slices: Sequence[slice_pb2.Slice]) -> None:
        new = []
        for slice_ in slices:
            key = (slice_.slice_id, slice_.attempt)
            if key not in self._taken:
                self._taken.add(key)
                new.append(slice_)
        self._slices.add(new)

    def _cancel(self) -> None:
        self._stopping.set()
        self._slices.drain()
        self._freed.set()

    def _do_slices(self) -> None:
        """Each slice in its turn, in the working thread, until there are none and none will
        come."""
        load_work()
        while (slice_ := self._slices.take()) is not None:
            self._done.append(self._perform(slice_))
            if not self._woken:
                self._woken = True
                self._loop.call_soon_threadsafe(self._to_say.set)
        if self._work is not None:
            self._work.close()

    def _perform(self, slice_: slice_pb2.Slice) -> outcome_pb2.SliceEnd:
        """One slice; the first one makes the workplace."""
        from container_agent.session.work import Work

        if self._work is None:
            assert self._begin is not None
            location = self._begin.work.repository.location
            password = self._begin.password
            key = self._begin.master_key
            directory = self._begin.cache_directory
            cache = Path(os.fsdecode(directory)) if directory else None
            self._work = Work(
                location, password, key, self._tracing, self._stopping, self._report, cache
            )
        return self._work.perform(slice_)

    def _report(self, reported: Said) -> None:
        """Says it from the working thread, which waits while too much is not committed."""
        asyncio.run_coroutine_threadsafe(self._say_in_turn(reported), self._loop).result()

    async def _say_in_turn(self, reported: Said) -> None:
        await self._until(lambda: len(self._outbox) < OUTCOMES_MAX or self._stopping.is_set())
        self._say(reported)

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Waits for acknowledgements; not for ever."""
        try:
            async with asyncio.timeout(self._commit_seconds):
                while not condition():
                    self._freed.clear()
                    await self._freed.wait()
        except TimeoutError as error:
            raise NotCommitted("nobody has committed the outcomes of this session") from error

    def _say(self, event: Said) -> None:
        self._outbox.add(event)
        self._to_say.set()

    async def _speak(self) -> None:
        """Says outcomes as they come, and how far the running slice is twice a second."""
        progress_time = 0.0
        while not self._ended:
            now = time.monotonic()
            self._woken = False
            while self._done:
                self._outbox.add(self._done.popleft())
            if self._link.renewed:
                self._link.renewed = False
                self._outbox.say_again()
            for batch in self._outbox.due(now):
                await self._link.outcomes(batch)
                if self._link.renewed:
                    break
            if now >= progress_time:
                progress_time = now + PROGRESS_SECONDS
                await self._say_progress()
            await asyncio.sleep(GATHER_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(PROGRESS_SECONDS):
                    await self._to_say.wait()
            if self._slices:
                # The next is begun already: of short ones several travel together.
                await asyncio.sleep(GATHER_SECONDS)
            self._to_say.clear()

    async def _say_progress(self) -> None:
        if self._work is not None and (progress := self._work.progress()):
            progress.session_id = self._session_id
            await self._link.progress(progress)
