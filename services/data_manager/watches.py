"""How runs stand, as committed, for those who ask and those who watch."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Protocol

from data_manager.core.model import Standing
from sluicegate.rpc.refusals import Reason, Refusal

# With the last one, which does not wait, at most four a second.
WATCH_SECONDS = 0.34


class Runs(Protocol):
    """The runs that are over, as far as this needs them."""

    async def standing(self, run_id: str) -> Standing | None:
        """How a run stands, as committed."""
        ...


class Watches:
    """The standing of every run that is not over, and who waits for a change of it."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._standings: dict[str, Standing] = {}
        self._wakes: dict[str, set[asyncio.Event]] = {}
        self.closed = False

    def publish(self, run_id: str, standing: Standing | None) -> None:
        """Takes in what was committed; None when the run is over and the store has it."""
        if standing is None:
            self._standings.pop(run_id, None)
        else:
            self._standings[run_id] = standing
        for wake in self._wakes.get(run_id, ()):
            wake.set()

    def close(self) -> None:
        """Ends every watch."""
        self.closed = True
        for wakes in self._wakes.values():
            for wake in wakes:
                wake.set()

    async def standing(self, run_id: str) -> Standing | None:
        """How a run stands."""
        return self._standings.get(run_id) or await self._runs.standing(run_id)

    def listed(self, standing: Standing) -> Standing:
        """A run that the store has, as a list shows it: up to date, without its unread files."""
        live = self._standings.get(standing.run.run_id)
        return replace(live, unread_files=()) if live else standing

    async def watch(self, run_id: str) -> AsyncIterator[Standing]:
        """How a run stands now, then again when that changed; the last is terminal."""
        with self._woken(run_id) as wake:
            while standing := await self.standing(run_id):
                yield standing
                if standing.run.state.terminal:
                    break
                await self._changed(run_id, wake)

    async def _changed(self, run_id: str, wake: asyncio.Event) -> None:
        due = time.monotonic() + WATCH_SECONDS
        await wake.wait()
        wake.clear()
        while run_id in self._standings and not self.closed:
            left = due - time.monotonic()
            if left <= 0:
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await wake.wait()
            wake.clear()
        if self.closed:
            raise Refusal(Reason.SHUTTING_DOWN, "the data manager ends; watch again")

    @contextmanager
    def _woken(self, run_id: str) -> Iterator[asyncio.Event]:
        wake = asyncio.Event()
        wakes = self._wakes.setdefault(run_id, set())
        wakes.add(wake)
        try:
            yield wake
        finally:
            wakes.discard(wake)
            if not wakes:
                self._wakes.pop(run_id, None)
