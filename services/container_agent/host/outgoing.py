"""What this host has to say to its proxy manager, until the call takes it."""

import asyncio
from collections import deque

from container_agent.host.relay import BATCH_BYTES, BATCH_OUTCOMES
from sluicegate.rpc.pace import Pace
from sluicegate.v1 import host_service_pb2 as pb

# A proxy manager that has let so much lie is gone; what it missed it is told when it is back.
MESSAGES_MAX = 10_000


class Outgoing:
    """Messages in order. Outcomes that follow one another before they are read become one message.

    So a busy host costs its proxy manager a message for many slices, not one for each.
    """

    def __init__(self, most: int = MESSAGES_MAX) -> None:
        self._most = most
        self._messages: deque[pb.AttachRequest] = deque()
        self._wake = asyncio.Event()
        self._pace = Pace()
        self._carried = 0
        self._last_bytes = 0
        self._closed = False

    def put(self, message: pb.AttachRequest) -> bool:
        """Adds a message; False when it is full or closed."""
        if self._closed or len(self._messages) >= self._most:
            return False
        if not self._join(message):
            self._messages.append(message)
            self._wake.set()
        return True

    def close(self) -> None:
        """Takes no more. The reader gets what is in it, and then the end."""
        self._closed = True
        self._wake.set()

    def __aiter__(self) -> "Outgoing":
        return self

    async def __anext__(self) -> pb.AttachRequest:
        while not self._messages:
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        if self._messages[0].outcomes.outcomes:
            await self._pace.turn(self._carried)
            self._carried = len(self._messages[0].outcomes.outcomes)
        return self._messages.popleft()

    def _join(self, message: pb.AttachRequest) -> bool:
        """Adds outcomes to the outcomes that wait last, if there are such and they fit."""
        outcomes = message.outcomes.outcomes
        if not outcomes:
            return False
        size = message.ByteSize()
        last = self._messages[-1].outcomes.outcomes if self._messages else ()
        if (
            not last
            or len(last) + len(outcomes) > BATCH_OUTCOMES
            or self._last_bytes + size > BATCH_BYTES
        ):
            self._last_bytes = size
            return False
        last.extend(outcomes)
        self._last_bytes += size
        return True
