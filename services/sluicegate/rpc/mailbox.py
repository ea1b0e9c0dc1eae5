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

    def put(self, item: T) -> bool:
        """Adds an item; False when it is full or closed."""
        if self.closed or len(self._items) >= self._most:
            return False
        self._items.append(item)
        self._wake.set()
        return True

    def close(self) -> None:
        """Takes no more. The reader gets what is in it, and then the end."""
        self.closed = True
        self._wake.set()

    def __aiter__(self) -> "Mailbox[T]":
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self.closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._items.popleft()
