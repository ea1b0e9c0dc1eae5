"""A queue between those who must not wait and a stream that may."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Filled without waiting, read by one reader; it has a bound and an end.

    Whoever finds it full decides what that means: as a rule that the reader is lost.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: deque[T] = deque()
        self._wake = asyncio.Event()
        self.closed = False

    @property
    def takes(self) -> bool:
        """True when an item may be put in."""
        return not self.closed and len(self._items) < self._most

    def put(self, item: T) -> bool:
        """Adds an item; False when it is full or closed."""
        if not self.takes:
            return False
        self._items.append(item)
        self._wake.set()
        return True

    def close(self) -> None:
        """Takes no more. The reader gets what is in it, and then the end."""
        self.closed = True
        self._wake.set()

    def __len__(self) -> int:
        return len(self._items)

    async def filled(self) -> bool:
        """Returns when there is something; False at the end."""
        while not len(self):
            if self.closed:
                return False
            self._wake.clear()
            await self._wake.wait()
        return True

    def __aiter__(self) -> "Mailbox[T]":
        return self

    async def __anext__(self) -> T:
        if not await self.filled():
            raise StopAsyncIteration
        return self._items.popleft()
