"""What the data manager needs of others: the proxy manager, and its database."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from data_manager.assignments import Assignment
from data_manager.core.effects import Change
from data_manager.core.events import Outcome
from data_manager.core.model import Session, Slice, Span, Standing
from data_manager.core.queues import Key


@dataclass(frozen=True)
class Listener:
    """Who hears what the proxy manager tells of its own accord.

    `alive` names the sessions believed to be alive, `connected` is awaited each time the stream
    of outcomes is open, `take` has a batch done, `grew` hears that there is new capacity.
    """

    alive: Callable[[], Sequence[str]]
    connected: Callable[[], Awaitable[None]]
    take: Callable[[Sequence[Outcome]], Awaitable[None]]
    grew: Callable[[], Awaitable[None]]


class Proxies(Protocol):
    """The proxy manager, as far as this service needs it.

    Each call has a deadline of its own, and raises Unreachable or Refusal.
    """

    async def capacity(self) -> tuple[int, tuple[str, ...]]:
        """Sessions that could start now, and why hosts take none, a reason for each such host."""
        ...

    async def reserve(
        self, session_ids: Sequence[str], avoid: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Those that are granted a place, each with its host; `avoid` names for some of them the
        host that it must not be."""
        ...

    async def release(self, session_ids: Sequence[str]) -> None:
        """Gives places back; those of unknown sessions too."""
        ...

    async def initiate(self, session: Session, assignments: Sequence[Assignment]) -> None:
        """Starts a session. Twice is once."""
        ...

    async def feed(self, foods: Mapping[str, Sequence[Assignment]]) -> frozenset[str]:
        """Gives sessions more; those of them that were not fed."""
        ...

    async def drain(self, session_id: str) -> None:
        """Lets a session end; an unknown one too."""
        ...

    async def cancel(self, session_id: str) -> None:
        """Stops a session; an unknown one too."""
        ...

    async def listen(self, listener: Listener) -> None:
        """Hands over all outcomes for ever, each batch acknowledged when `take` has it done."""
        ...

    async def watch(self, listener: Listener) -> None:
        """Tells of new capacity for ever."""
        ...


class Database(Protocol):
    """The database, as far as the driver needs it."""

    async def commit(self, changes: Sequence[Change]) -> None:
        """Makes all changes true at once, durably."""
        ...

    async def standing(self, run_id: str) -> Standing | None:
        """How a run stands, as committed."""
        ...

    async def queued(self, run_id: str, after: Key | None, most: int) -> tuple[Slice, ...]:
        """The next part of a run's queue, in order."""
        ...

    async def records(self, run_id: str) -> Sequence[Slice]:
        """The slices that a run was cut into, in walk order."""
        ...

    async def past_ms(self, asset_id: str) -> Mapping[Span, int]:
        """The time of each slice of an asset's last finished backup, by its span."""
        ...
