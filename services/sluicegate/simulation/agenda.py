"""Virtual time: what is to happen, and when."""

import heapq
from collections.abc import Callable
from itertools import count

# What it returns is of no interest.
Action = Callable[[], object]


class Agenda:
    """Actions in the order of their times, in seconds; of the same time, in the order they came.

    `steps` counts those that were done.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.steps = 0
        self._heap: list[tuple[float, int, Action]] = []
        self._numbers = count()

    def at(self, time: float, action: Action) -> None:
        """Does something at a time, or now if that is over."""
        heapq.heappush(self._heap, (max(time, self.now), next(self._numbers), action))

    def after(self, seconds: float, action: Action) -> None:
        """Does something so many seconds from now."""
        heapq.heappush(self._heap, (self.now + seconds, next(self._numbers), action))

    def step(self) -> bool:
        """Does what is next; False when there is nothing to do any more."""
        if not self._heap:
            return False
        self.now, _, action = heapq.heappop(self._heap)
        self.steps += 1
        action()
        return True
