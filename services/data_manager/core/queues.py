"""An asset's queue: the slices that wait, in the order in which they get their turn.

All of it is in the database; here is a window of its beginning, so that ten million slices take
no more memory than ten thousand. Many queues share what there is room for.
"""

import heapq
from collections.abc import Callable, Iterable
from typing import NamedTuple

# Below half of it the next part is asked for; above twice of it the end is let go.
WINDOW_SLICES = 2_000
LEAST_WINDOW_SLICES = 20
# The windows of all queues together: about 70 MB.
WINDOWS_SLICES = 100_000


def window_of_each(queues: int, most: int = WINDOW_SLICES) -> int:
    """The window of each of so many queues."""
    return min(most, max(LEAST_WINDOW_SLICES, WINDOWS_SLICES // max(1, queues)))


class Key(NamedTuple):
    """A slice's place in its queue: by turn, then by number."""

    turn: int
    number: int
    slice_id: str


class Queue:
    """A slice stands in it once or not at all. What is put back goes to the end.

    Slices past the `horizon` lie in the database alone. While a part is being loaded, those that
    are put past the horizon are kept aside: whether the part has them is not known.
    """

    def __init__(self, window: int = WINDOW_SLICES) -> None:
        self.window = window
        self.horizon: Key | None = None
        self.beyond = 0
        self.loading = False
        self._ready: list[Key] = []
        self._aside: dict[str, Key] = {}
        self._later: set[str] = set()

    def __repr__(self) -> str:
        return f"<Queue {','.join(self.ids()) or '-'} and {self.beyond} more>"

    def __len__(self) -> int:
        return len(self._ready) + len(self._aside) + self.beyond + len(self._later)

    def ids(self) -> list[str]:
        """All that wait and are here: in order, then those that wait for a time."""
        return [key.slice_id for key in sorted(self._here())] + sorted(self._later)

    def front(self) -> list[str]:
        """Those that could be taken now, in order."""
        return [key.slice_id for key in sorted(self._ready)]

    @property
    def ready(self) -> int:
        """How many could be taken now."""
        return len(self._ready)

    def put(self, key: Key) -> bool:
        """Adds one. False when it lies past what is kept here."""
        if self.horizon is None and len(self._ready) >= self.window:
            self.horizon = max(self._ready)
        if self.horizon is not None and key > self.horizon:
            if self.loading:
                self._aside[key.slice_id] = key
                return True
            self.beyond += 1
            return False
        heapq.heappush(self._ready, key)
        return True

    def put_later(self, slice_id: str) -> None:
        """Adds one that joins the end when its time has come."""
        self._later.add(slice_id)

    def is_later(self, slice_id: str) -> bool:
        """True if it waits for a time."""
        return slice_id in self._later

    def waits(self, slice_id: str) -> bool:
        """Ends the waiting of one that was put for later; False if it does not wait."""
        if slice_id not in self._later:
            return False
        self._later.discard(slice_id)
        return True

    def take(self, most: int, weight_of: Callable[[str], int], most_weight: int) -> tuple[str, ...]:
        """Takes from the front: at least one, at most so many of no more than so much weight."""
        taken: list[str] = []
        weight = 0
        while self._ready and len(taken) < most:
            weight += weight_of(self._ready[0].slice_id)
            if taken and weight > most_weight:
                break
            taken.append(heapq.heappop(self._ready).slice_id)
        return tuple(taken)

    def wants_loading(self) -> bool:
        """True when there is more in the database than here, and little here."""
        return self.beyond > 0 and not self.loading and 2 * len(self._ready) < self.window

    def begin_loading(self) -> tuple[Key | None, int]:
        """After which key to load, and how many."""
        self.loading = True
        return self.horizon, self.window

    def loaded(self, keys: Iterable[Key], *, all_of_them: bool) -> list[str]:
        """Takes in the next part, in order; `all_of_them` when nothing was behind it.

        The part may be of before or after what was put since it was asked for, and has those that
        wait for a time. Returns the slices that were kept aside and lie past the new horizon.
        """
        self.loading = False
        aside, self._aside = self._aside, {}
        for key in keys:
            self.horizon = key
            if key.slice_id in self._later or aside.get(key.slice_id, key) != key:
                continue
            self.beyond -= key.slice_id not in aside
            aside.pop(key.slice_id, None)
            heapq.heappush(self._ready, key)
        if all_of_them:
            self.horizon, self.beyond = None, 0
        return [key.slice_id for key in aside.values() if not self.put(key)]

    def shorten(self) -> list[str]:
        """Lets the end go when the window has grown too far; what is gone from here."""
        if self.loading or len(self._ready) <= 2 * self.window:
            return []
        self._ready.sort()
        gone = self._ready[self.window :]
        del self._ready[self.window :]
        self.horizon = self._ready[-1]
        self.beyond += len(gone)
        return [key.slice_id for key in gone]

    def found(self, waiting: int) -> None:
        """So many wait in the database and none is here: after a restart."""
        self.beyond = waiting
        self.horizon = Key(-(2**63), 0, "") if waiting else None

    def clear(self) -> None:
        """Nothing waits any more."""
        self._ready.clear()
        self._aside.clear()
        self._later.clear()
        self.horizon, self.beyond = None, 0

    def _here(self) -> list[Key]:
        return [*self._ready, *self._aside.values()]
