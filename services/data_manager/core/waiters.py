"""Which runs are to be looked at, so that no step has to look at all of them."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from data_manager.core.live import Live
from data_manager.core.options import Method


@dataclass
class Waiters:
    """The runs that are not over, by what they can wait for.

    `due` are those that may have become able to use more sessions since they were looked at;
    whoever looks at one and finds that it cannot takes it out. `hedging` are those that may start
    a slice a second time.
    """

    due: dict[str, Live] = field(default_factory=dict)
    hedging: dict[str, Live] = field(default_factory=dict)
    _stocked: dict[str, Live] = field(default_factory=dict)
    _pools: dict[tuple[str, Method], dict[str, Live]] = field(default_factory=dict)
    _later: list[tuple[float, str]] = field(default_factory=list)
    _times: dict[str, float] = field(default_factory=dict)

    def add(self, live: Live) -> None:
        """A run that is not over, from now on."""
        self._pools.setdefault(_pool(live), {})[live.run.run_id] = live
        if live.run.request.options.hedge:
            self.hedging[live.run.run_id] = live

    def touch(self, live: Live) -> None:
        """Something has changed of a run."""
        self.due[live.run.run_id] = self._stocked[live.run.run_id] = live

    def stocked(self) -> list[Live]:
        """The runs that have slices which could be taken now, in the order in which they began."""
        empty = [run_id for run_id, live in self._stocked.items() if not live.queue.ready]
        for run_id in empty:
            del self._stocked[run_id]
        return sorted(self._stocked.values(), key=lambda live: live.begun)

    def remove(self, live: Live) -> None:
        """A run is over."""
        run_id, pool = live.run.run_id, self._pools[_pool(live)]
        del pool[run_id]
        if not pool:
            del self._pools[_pool(live)]
        self.due.pop(run_id, None)
        self.hedging.pop(run_id, None)
        self._stocked.pop(run_id, None)

    def fed(self, repository: str) -> Iterator[Live]:
        """The runs that sessions which are fed with a repository may serve; one of the method auto
        only in its turn."""
        for method in (Method.CONTINUOUS, Method.AUTO):
            yield from self._pools.get((repository, method), {}).values()

    def others(self, repository: str) -> Iterator[Live]:
        """The runs that these sessions may be unable to serve."""
        for pool, lives in self._pools.items():
            if pool != (repository, Method.CONTINUOUS):
                yield from lives.values()

    def look_later(self, live: Live) -> None:
        """The run is due when it may ask again."""
        if self._times.get(live.run.run_id) != live.ask_time:
            self._times[live.run.run_id] = live.ask_time
            heapq.heappush(self._later, (live.ask_time, live.run.run_id))

    def come(self, now: float) -> Iterator[str]:
        """The runs that may ask again now."""
        while self._later and self._later[0][0] <= now:
            _, run_id = heapq.heappop(self._later)
            self._times.pop(run_id, None)
            yield run_id

    @property
    def next_time(self) -> float | None:
        """When the next one may ask again."""
        return self._later[0][0] if self._later else None


def _pool(live: Live) -> tuple[str, Method]:
    return live.run.request.repository, live.run.request.options.method
