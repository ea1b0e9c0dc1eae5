"""What lasts as long as a call: a host's orders, a data manager's outcomes, a watch."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from proxy_manager.core.effects import Acknowledge, Order
from proxy_manager.core.model import Outcome
from sluicegate.rpc.mailbox import Mailbox
from sluicegate.rpc.pace import Pace
from sluicegate.v1 import outcome_pb2

# A host that has let so many orders lie does not read any more.
ORDERS_MAX = 10_000
BATCH_ORDERS = 256
PROGRESS_MAX = 1_000
BATCH_OUTCOMES = 256
BATCH_BYTES = 512 << 10

Numbered = list[tuple[int, Outcome]]


class Orders(Mailbox[Order]):
    """What a host is to be told, in order, read by its call in batches of what has come up.

    Of acknowledgements only the latest of each session is told, after the orders beside it.
    """

    def __init__(self, most: int = ORDERS_MAX) -> None:
        super().__init__(most)
        self._acknowledged: dict[str, Acknowledge] = {}
        self._pace = Pace()
        self._carried = 0

    def __len__(self) -> int:
        return len(self._items) + len(self._acknowledged)

    def put(self, item: Order) -> bool:
        """Adds an order; False when it is full or closed."""
        if not isinstance(item, Acknowledge) or not self.takes:
            return super().put(item)
        self._acknowledged[item.session_id] = item
        self._wake.set()
        return True

    async def batches(self) -> AsyncIterator[list[Order]]:
        """What has come up, again and again until it is closed and empty."""
        while await self.filled():
            await self._pace.turn(self._carried)
            yield self._take()

    def _take(self) -> list[Order]:
        taken: list[Order] = []
        while self._items and len(taken) < BATCH_ORDERS:
            taken.append(self._items.popleft())
        while self._acknowledged and len(taken) < BATCH_ORDERS:
            session_id = next(iter(self._acknowledged))
            taken.append(self._acknowledged.pop(session_id))
        self._carried = len(taken)
        return taken


@dataclass
class HostCall:
    """One Attach call. Closing `orders` ends it."""

    host_name: str
    attachment: int
    orders: Orders = field(default_factory=Orders)
    superseded: bool = False


class Watch:
    """Wakes one who watches, once for however much happened meanwhile."""

    def __init__(self) -> None:
        self._wake = asyncio.Event()
        self.closed = False
        self.announced = False

    def wake(self) -> None:
        """Something happened."""
        self._wake.set()

    def close(self) -> None:
        """Nothing more will happen."""
        self.closed = True
        self._wake.set()

    async def changed(self) -> bool:
        """Waits for the next time; False at the end."""
        await self._wake.wait()
        self._wake.clear()
        return not self.closed


class OutcomeStream:
    """One SliceDone call: batches of numbered outcomes, and the latest progress beside them."""

    def __init__(self, data_manager_id: str, take: Callable[[], Numbered]) -> None:
        self.data_manager_id = data_manager_id
        self.watch = Watch()
        self._take = take
        self._progress: dict[tuple[str, str], outcome_pb2.Progress] = {}
        self._pace = Pace()
        self._carried = 0
        self.watch.wake()

    def tell_progress(self, progress: outcome_pb2.Progress) -> None:
        """Notes how far a slice is; only the latest is sent."""
        key = (progress.session_id, progress.slice_id)
        if key in self._progress or len(self._progress) < PROGRESS_MAX:
            self._progress[key] = progress
            self.watch.wake()

    def __aiter__(self) -> "OutcomeStream":
        return self

    async def __anext__(self) -> tuple[Numbered, list[outcome_pb2.Progress]]:
        """The next batch. The first comes at once, and tells that the stream is open."""
        if not await self.watch.changed():
            raise StopAsyncIteration
        await self._pace.turn(self._carried)
        outcomes = self._take()
        self._carried = len(outcomes)
        if outcomes:
            self.watch.wake()
        progress = list(self._progress.values())
        self._progress.clear()
        return outcomes, progress
