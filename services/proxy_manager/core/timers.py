"""Times at which something is to be looked at, the earliest first."""

import heapq


class Timers:
    """One time for each key. Setting, cancelling and taking the due cost no look at the rest."""

    def __init__(self) -> None:
        self._times: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def set(self, key: str, time: float) -> None:
        """Replaces the key's time."""
        if self._times.get(key) == time:
            return
        self._times[key] = time
        heapq.heappush(self._heap, (time, key))
        # Entries that were replaced stay in the heap until they come up, or are too many.
        if len(self._heap) > 64 + 4 * len(self._times):
            self._heap = [(at, of) for of, at in self._times.items()]
            heapq.heapify(self._heap)

    def bring_forward(self, key: str, time: float) -> None:
        """Sets the key's time unless it has an earlier one."""
        if time < self._times.get(key, float("inf")):
            self.set(key, time)

    def cancel(self, key: str) -> None:
        """Drops the key's time, if it has one."""
        self._times.pop(key, None)

    def take(self, now: float) -> list[str]:
        """The keys whose time has come, earliest first; their times are dropped."""
        taken: list[str] = []
        while self._heap and self._heap[0][0] <= now:
            time, key = heapq.heappop(self._heap)
            if self._times.get(key) == time:
                del self._times[key]
                taken.append(key)
        return taken
