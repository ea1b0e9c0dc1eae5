"""The slices that wait in a session, between the event loop that hears of them and the thread that
works on them: so between two slices that thread waits for nobody."""

import threading
from collections import deque
from collections.abc import Iterable

from sluicegate.v1 import slice_pb2


class WaitingSlices:
    """Slices in the order in which they came. Any thread may add; one takes."""

    def __init__(self) -> None:
        self._slices: deque[slice_pb2.Slice] = deque()
        self._changed = threading.Condition()
        self._begun = False
        self._draining = False

    def __len__(self) -> int:
        return len(self._slices)

    def begin(self) -> None:
        """What is needed to work on slices is there; before that, none is given out."""
        with self._changed:
            self._begun = True
            self._changed.notify()

    def add(self, slices: Iterable[slice_pb2.Slice]) -> None:
        """Puts slices at the end."""
        with self._changed:
            self._slices.extend(slices)
            self._changed.notify()

    def drain(self) -> None:
        """No more will come."""
        with self._changed:
            self._draining = True
            self._changed.notify()

    def take(self) -> slice_pb2.Slice | None:
        """The next slice, once there is one; None when there is none and none will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._draining or (self._begun and bool(self._slices)))
            return self._slices.popleft() if self._begun and self._slices else None
