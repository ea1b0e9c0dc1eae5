"""The containers of this host: what is wanted of them, made to agree with what there is."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from container_agent.host.doors import Doors
from container_agent.host.engine import CALLS_AT_ONCE, End, Engine, EngineFailed, Listed
from container_agent.host.parent_program import ended
from container_agent.host.session_container import SessionContainer

# Where engines put the control groups of containers if nobody says where.
CGROUP_PARENT = "docker"
LOOK_SECONDS = 10.0
AGAIN_SECONDS = 1.0
SETTLE_SECONDS = 0.2
END_SECONDS = 30.0
# What engines add to the number of the signal that ended a process.
SIGNALLED = 128
SIGNALS = 31

T = TypeVar("T")
log = logging.getLogger(__name__)


class Containers:
    """Compares what the engine lists with what this host wants, every ten seconds and whenever the
    engine tells that something happened: who has ended or is not wanted is buried, whom nobody
    knows is removed. A container is gone only when the engine has confirmed it.
    """

    def __init__(self, engine: Engine, doors: Doors, cgroup_parent: str) -> None:
        self._engine = engine
        self._cgroup_parent = cgroup_parent or CGROUP_PARENT
        self._doors = doors
        self._known: dict[str, SessionContainer] = {}
        self._burials: dict[str, asyncio.Task[None]] = {}
        self._due = asyncio.Event()
        self._answers = True
        self._threads = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="engine")
        self._loop = asyncio.get_running_loop()

    async def call(self, ask: Callable[..., T], *arguments: object) -> T:
        """Asks the engine, beside everything else."""
        return await self._loop.run_in_executor(self._threads, ask, *arguments)

    def expect(self, name: str, *, made: bool = False) -> SessionContainer:
        """A container that is wanted from now on."""
        container = SessionContainer(name, self._due.set, made=made)
        self._known[name] = container
        return container

    async def keep(self) -> None:
        """Looks again and again until cancelled."""
        watching = threading.Thread(target=self._watch, name="engine-events", daemon=True)
        watching.start()
        while True:
            self._due.clear()
            try:
                await self._look()
            except EngineFailed as error:
                if self._answers:
                    log.warning("%s; it is asked again each second", error)
                self._answers = False
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            self._answers = True
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._due.wait()

    async def end(self) -> None:
        """Ends what there is; returns when all is confirmed gone, or after thirty seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                known = list(self._known.values())
                for container in known:
                    container.kill()
                for container in known:
                    await container.wait()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _look(self) -> None:
        # One that is made while the engine lists may be missing in the list.
        made = {name for name, container in self._known.items() if container.made}
        listed = {one.name: one for one in await self.call(self._engine.listed)}
        for container in list(self._known.values()):
            one = listed.pop(container.name, None)
            if container.name not in made:
                continue
            if one is None:
                self._confirm(container.name, "its container is gone, and nobody saw how")
                continue
            container.found(one.container_id, self._cgroup_parent)
            if container.unwanted or not one.running:
                self._begin_burial(one)
        for stray in listed.values():
            self._begin_burial(stray)

    def _begin_burial(self, one: Listed) -> None:
        if one.name not in self._burials:
            self._burials[one.name] = asyncio.create_task(self._bury(one))

    async def _bury(self, one: Listed) -> None:
        """Removes a container; what has ended says how before."""
        try:
            end = None if one.running else await self.call(self._engine.end_of, one.name)
            await self.call(self._engine.remove, one.name)
        except EngineFailed as error:
            log.warning("container %s: %s", one.name, error)
            self._loop.call_later(AGAIN_SECONDS, self._due.set)
        else:
            how = in_words(end) if end else "the session was killed by its host"
            self._confirm(one.name, how, out_of_memory=end is not None and end.out_of_memory)
        finally:
            del self._burials[one.name]

    def _confirm(self, name: str, how: str, *, out_of_memory: bool = False) -> None:
        self._doors.remove(name)
        if container := self._known.pop(name, None):
            container.bury(how, out_of_memory=out_of_memory)

    def _happened(self) -> None:
        self._due.set()
        # Engines tell that a container ended a moment before they list it as such.
        self._loop.call_later(SETTLE_SECONDS, self._due.set)

    def _watch(self) -> None:
        """In a thread of its own, for as long as this process lives: calls come from it."""
        while not self._loop.is_closed():
            with suppress(EngineFailed, RuntimeError):
                self._engine.watch(lambda: self._loop.call_soon_threadsafe(self._happened))
            threading.Event().wait(AGAIN_SECONDS)


def in_words(end: End) -> str:
    """How a container ended, in one line."""
    if end.out_of_memory:
        return "the session's container took more memory than it may have; raise its limit"
    by_signal = SIGNALLED < end.exit_code <= SIGNALLED + SIGNALS
    return end.last_line or ended(SIGNALLED - end.exit_code if by_signal else end.exit_code)
