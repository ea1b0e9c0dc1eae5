"""What this host has to say to its proxy manager, until the call takes it."""

from container_agent.host.relay import BATCH_BYTES, BATCH_OUTCOMES
from sluicegate.rpc.mailbox import Mailbox
from sluicegate.rpc.pace import Pace
from sluicegate.v1 import host_service_pb2 as pb

# A proxy manager that has let so much lie is gone; what it missed it is told when it is back.
MESSAGES_MAX = 10_000


class Outgoing(Mailbox[pb.AttachRequest]):
    """Messages in order. Outcomes that follow one another before they are read become one message.

    So a busy host costs its proxy manager a message for many slices, not one for each.
    """

    def __init__(self, most: int = MESSAGES_MAX) -> None:
        super().__init__(most)
        self._pace = Pace()
        self._carried = 0
        self._last_bytes = 0

    def put(self, item: pb.AttachRequest) -> bool:
        """Adds a message; False when it is full or closed."""
        if self.takes and self._join(item):
            return True
        return super().put(item)

    async def __anext__(self) -> pb.AttachRequest:
        if not await self.filled():
            raise StopAsyncIteration
        if self._items[0].outcomes.outcomes:
            await self._pace.turn(self._carried)
            self._carried = len(self._items[0].outcomes.outcomes)
        return self._items.popleft()

    def _join(self, message: pb.AttachRequest) -> bool:
        """Adds outcomes to the outcomes that wait last, if there are such and they fit."""
        outcomes = message.outcomes.outcomes
        if not outcomes:
            return False
        size = message.ByteSize()
        last = self._items[-1].outcomes.outcomes if self._items else ()
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
