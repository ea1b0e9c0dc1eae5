"""What lasts as long as a call: a host's orders, a data manager's outcomes, a watch."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from proxy_manager.core.effects import Order
from proxy_manager.core.model import Outcome
from sluicegate.rpc.mailbox import Mailbox
from sluicegate.v1 import outcome_pb2

# A host that has let so many orders lie does not read any more.
ORDERS_MAX = 10_000
PROGRESS_MAX = 1_000
BATCH_OUTCOMES = 256
BATCH_BYTES = 512 << 10

Numbered = list[tuple[int, Outcome]]


@dataclass
class HostCall:
    """One Attach call. Closing `orders` ends it."""

    host_name: str
    attachment: int
    orders: Mailbox[Order] = field(default_factory=lambda: Mailbox(ORDERS_MAX))
    superseded: bool = False


class Watch:
    """Wakes one who watches, once for however much happened meanwhile."""

    def __init__(self) -> None:
        self._wake = asyncio.Event()
        self.closed = False

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
        outcomes = self._take()
        if outcomes:
            self.watch.wake()
        progress = list(self._progress.values())
        self._progress.clear()
        return outcomes, progress
