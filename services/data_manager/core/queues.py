"""The queue of a run: the slices that wait, in the order in which they get their turn."""

import heapq
from collections import deque
from collections.abc import Callable


class Queue:
    """A slice stands in it once or not at all. What is put back goes to the end.

    A slice may be put back for later; it joins the end when its time has come.
    """

    def __init__(self) -> None:
        self._ready: deque[str] = deque()
        self._later: list[tuple[float, int, str]] = []
        self._puts = 0

    def __repr__(self) -> str:
        return f"<Queue {','.join(self.ids()) or '-'}>"

    def __len__(self) -> int:
        return len(self._ready) + len(self._later)

    def ids(self) -> list[str]:
        """All that wait, in order."""
        return [*self._ready, *(slice_id for _, _, slice_id in sorted(self._later))]

    @property
    def ready(self) -> int:
        """How many could be taken now."""
        return len(self._ready)

    @property
    def ready_time(self) -> float | None:
        """When the next one that is to wait has waited, if any is."""
        return self._later[0][0] if self._later else None

    def put(self, slice_id: str, now: float, ready_time: float) -> None:
        """Adds at the end, at once or later."""
        self._puts += 1
        if ready_time <= now:
            self._ready.append(slice_id)
        else:
            heapq.heappush(self._later, (ready_time, self._puts, slice_id))

    def wake(self, now: float) -> None:
        """Lets those join whose time has come."""
        while self._later and self._later[0][0] <= now:
            self._ready.append(heapq.heappop(self._later)[2])

    def take(self, most: int, weight_of: Callable[[str], int], most_weight: int) -> tuple[str, ...]:
        """Takes from the front: at least one, at most so many of no more than so much weight."""
        taken: list[str] = []
        weight = 0
        while self._ready and len(taken) < most:
            weight += weight_of(self._ready[0])
            if taken and weight > most_weight:
                break
            taken.append(self._ready.popleft())
        return tuple(taken)

    def clear(self) -> None:
        """Nothing waits any more."""
        self._ready.clear()
        self._later.clear()
