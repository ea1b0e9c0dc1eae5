"""A session: takes slices from its host agent, works on one by one, says what became of each.

The event loop only talks. The work, and all that is slow to load, is in one thread beside it.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from container_agent.session.link import Link
from container_agent.session.outbox import Outbox
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import outcome_pb2, session_service_pb2, slice_pb2

if TYPE_CHECKING:
    from container_agent.session.work import Work

PROGRESS_SECONDS = 0.5
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
        self._slices: deque[slice_pb2.Slice] = deque()
        self._taken: set[tuple[str, int]] = set()
        self._work: Work | None = None
        self._draining = False
        self._ended = False
        self._stopping = threading.Event()
        # Set when there may be something to do for who waits; he looks for himself.
        self._to_do = asyncio.Event()
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
            await self._loop.run_in_executor(self._thread, load_work)
            await self._do_slices()
            await asyncio.to_thread(self._tracing.shut_down)
            await self._until(lambda: len(self._outbox) == 0)
            self._ended = True
            self._to_say.set()
            await speaking
            await self._link.goodbye()

    async def _listen(self) -> None:
        async for command in self._link.commands():
            match command.WhichOneof("command"):
                case "start":
                    self._start(command.start)
                case "feed":
                    self._take(command.feed.slices)
                case "drain":
                    self._draining = True
                case "cancel":
                    self._cancel()
                case "acknowledge":
                    through = command.acknowledge.through_outcome_number
                    self._outbox.acknowledge(through, time.monotonic())
                    self._freed.set()
            self._to_do.set()

    def _start(self, start: session_service_pb2.SessionStart) -> None:
        if self._begin is None:
            self._begin = start
            self._draining |= start.work.drain
            self._take(start.work.slices)

    def _take(self, slices: Sequence[slice_pb2.Slice]) -> None:
        for slice_ in slices:
            key = (slice_.slice_id, slice_.attempt)
            if key not in self._taken:
                self._taken.add(key)
                self._slices.append(slice_)

    def _cancel(self) -> None:
        self._draining = True
        self._stopping.set()
        self._freed.set()

    async def _do_slices(self) -> None:
        """Each slice in its turn, until there are none and none will come."""
        while True:
            self._to_do.clear()
            if self._begin is not None and self._slices:
                slice_ = self._slices.popleft()
                self._say(await self._loop.run_in_executor(self._thread, self._perform, slice_))
            elif self._draining:
                break
            else:
                await self._to_do.wait()
        if self._work is not None:
            await self._loop.run_in_executor(self._thread, self._work.close)

    def _perform(self, slice_: slice_pb2.Slice) -> outcome_pb2.SliceEnd:
        """One slice, in the working thread; the first one makes the workplace."""
        from container_agent.session.work import Work

        if self._work is None:
            assert self._begin is not None
            location = self._begin.work.repository.location
            password = self._begin.password
            key = self._begin.master_key
            self._work = Work(location, password, key, self._tracing, self._stopping, self._report)
        return self._work.perform(slice_)

    def _report(self, cuts: outcome_pb2.CutsMade) -> None:
        """Says cuts, from the working thread, which waits while too much is not committed."""
        asyncio.run_coroutine_threadsafe(self._say_in_turn(cuts), self._loop).result()

    async def _say_in_turn(self, cuts: outcome_pb2.CutsMade) -> None:
        await self._until(lambda: len(self._outbox) < OUTCOMES_MAX or self._stopping.is_set())
        self._say(cuts)

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Waits for acknowledgements; not for ever."""
        try:
            async with asyncio.timeout(self._commit_seconds):
                while not condition():
                    self._freed.clear()
                    await self._freed.wait()
        except TimeoutError as error:
            raise NotCommitted("nobody has committed the outcomes of this session") from error

    def _say(self, event: outcome_pb2.CutsMade | outcome_pb2.SliceEnd) -> None:
        self._outbox.add(event)
        self._to_say.set()

    async def _speak(self) -> None:
        """Says outcomes as they come, and how far the running slice is twice a second."""
        progress_time = 0.0
        while not self._ended:
            now = time.monotonic()
            for batch in self._outbox.due(now):
                await self._link.outcomes(batch)
            if now >= progress_time:
                progress_time = now + PROGRESS_SECONDS
                await self._say_progress()
            try:
                async with asyncio.timeout(PROGRESS_SECONDS):
                    await self._to_say.wait()
                self._to_say.clear()
            except TimeoutError:
                continue

    async def _say_progress(self) -> None:
        if self._work is not None and (progress := self._work.progress()):
            progress.session_id = self._session_id
            await self._link.progress(progress)
