"""Whose turn it is: the policies that choose the next queue (steps 410, 500, 600)."""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from data_manager.core.options import QueuePolicy

# Who has waited so long counts as one stream less under `fair`, and as one step of importance
# more under `priority`. The time counts without a bound, so nobody waits for ever.
FAIR_AGE_SECONDS = 60.0
PRIORITY_AGE_SECONDS = 600.0

# The lowest is next; of those whose first number is the same, who has the fewest streams.
Rank = tuple[float, float]


@dataclass(slots=True)
class Contender:
    """A run whose queue is populated, as the policies see it.

    `share` names what it shares its turns with: assets of one primary storage have the turns of
    one, however many they are. `since` is when it got its last stream, or began to wait.
    """

    run_id: str
    share: str
    streams: int
    weight: int
    priority: int
    remaining: int
    since: float
    begun: int


@dataclass
class Share:
    """The contenders of one share, the next one first; `streams` are those of all its runs, since
    `since` it waits for one more."""

    streams: int
    since: float
    waiting: list[tuple[Rank, int, Contender]] = field(default_factory=list)


class Turns:
    """An order among contenders, in which each choice counts for the next.

    `streams` has for each share the streams in flight of all its runs, also of those that do not
    contend; `given` when it last got one. `jitter` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        policy: QueuePolicy,
        contenders: Iterable[Contender],
        streams: Callable[[str], int],
        given: Callable[[str], float],
        jitter: Callable[[], float],
    ) -> None:
        self._policy = policy
        self._jitter = jitter
        self._shares: dict[str, Share] = {}
        self._heap: list[tuple[Rank, int, str]] = []
        self._waiting = 0
        for contender in contenders:
            name = self._name(contender)
            if name not in self._shares:
                self._shares[name] = Share(streams(name), contender.since)
            share = self._shares[name]
            # A share is as old as its oldest contender, but not older than its last stream: to
            # split an asset makes many that wait, and must not make the share seem to.
            share.since = min(share.since, contender.since)
            share.waiting.append(self._entry(contender))
            self._waiting += 1
        for name, share in self._shares.items():
            share.since = max(share.since, given(name))
            heapq.heapify(share.waiting)
            heapq.heappush(self._heap, self._share_entry(name))

    def __bool__(self) -> bool:
        return self._waiting > 0

    def next(self, usable: Callable[[Contender], bool]) -> Contender | None:
        """The next contender that is usable, taken out; None when there is none.

        Those that are not usable keep their place for the next call.
        """
        passed: list[Contender] = []
        chosen = None
        while self._heap and chosen is None:
            entry = heapq.heappop(self._heap)
            name = entry[2]
            share = self._shares[name]
            if not share.waiting or entry != self._share_entry(name):
                # An entry of before: there is one of how the share stands now.
                continue
            candidate = heapq.heappop(share.waiting)[2]
            self._waiting -= 1
            self._push_share(name)
            if usable(candidate):
                chosen = candidate
            else:
                passed.append(candidate)
        for contender in passed:
            self.put(contender)
        return chosen

    def put(self, contender: Contender) -> None:
        """Lets one contend again, as it is now."""
        name = self._name(contender)
        heapq.heappush(self._shares[name].waiting, self._entry(contender))
        self._waiting += 1
        self._push_share(name)

    def count(self, contender: Contender, streams: int, now: float) -> None:
        """Notes that a contender that was taken out got so many streams more, or a slice."""
        contender.streams += streams
        contender.since = now
        name = self._name(contender)
        share = self._shares[name]
        share.streams += streams
        share.since = now
        self._push_share(name)

    def _name(self, contender: Contender) -> str:
        """Only under fair do shares count: the others rank all runs as equals."""
        return contender.share if self._policy is QueuePolicy.FAIR else ""

    def _push_share(self, name: str) -> None:
        if self._shares[name].waiting:
            heapq.heappush(self._heap, self._share_entry(name))

    def _share_entry(self, name: str) -> tuple[Rank, int, str]:
        share = self._shares[name]
        rank, begun, first = share.waiting[0]
        if self._policy is QueuePolicy.FAIR:
            rank = (share.streams / first.weight + share.since / FAIR_AGE_SECONDS, 0.0)
        return (rank, begun, name)

    def _entry(self, contender: Contender) -> tuple[Rank, int, Contender]:
        return (self._rank(contender), contender.begun, contender)

    def _rank(self, of: Contender) -> Rank:
        busy = of.streams / of.weight
        match self._policy:
            case QueuePolicy.FAIR:
                return (busy + of.since / FAIR_AGE_SECONDS, 0.0)
            case QueuePolicy.PRIORITY:
                return (of.since / PRIORITY_AGE_SECONDS - of.priority, busy)
            case QueuePolicy.MOST_REMAINING:
                return (-of.remaining, busy)
            case QueuePolicy.LEAST_REMAINING:
                return (of.remaining, busy)
            case QueuePolicy.RANDOM:
                return (self._jitter(), 0.0)
            case QueuePolicy.FIRST_COME:
                return (0.0, 0.0)
