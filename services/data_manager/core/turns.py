"""Whose turn it is: the policies that choose the next queue (steps 410, 500, 600)."""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from data_manager.core.options import QueuePolicy

# Who has waited so long counts as one stream less under `fair`, and as one step of importance
# more under `priority`. The time counts without a bound, so nobody waits for ever.
FAIR_AGE_SECONDS = 60.0
PRIORITY_AGE_SECONDS = 600.0


@dataclass
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
    """The contenders of one share, the next one first; `streams` are those of all its runs."""

    streams: int
    waiting: list[tuple[float, int, Contender]] = field(default_factory=list)


class Turns:
    """An order among contenders, in which each choice counts for the next.

    `streams` has for each share the streams in flight of all its runs, also of those that do not
    contend. `jitter` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        policy: QueuePolicy,
        contenders: Iterable[Contender],
        streams: Callable[[str], int],
        jitter: Callable[[], float],
    ) -> None:
        self._policy = policy
        self._jitter = jitter
        self._shares: dict[str, Share] = {}
        for contender in contenders:
            # Only under fair do shares count: the others rank all runs as equals.
            name = contender.share if policy is QueuePolicy.FAIR else ""
            share = self._shares.get(name)
            if share is None:
                share = self._shares[name] = Share(streams(name))
            share.waiting.append(self._entry(contender))
        for share in self._shares.values():
            heapq.heapify(share.waiting)
        self._heap = [self._share_entry(name) for name in self._shares]
        heapq.heapify(self._heap)

    def __bool__(self) -> bool:
        return bool(self._heap)

    def next(self, usable: Callable[[Contender], bool]) -> Contender | None:
        """The next contender that is usable, taken out; None when there is none.

        Those that are not usable keep their place for the next call.
        """
        passed: list[Contender] = []
        chosen = None
        while self._heap and chosen is None:
            entry = heapq.heappop(self._heap)
            name = entry[2]
            # What was counted since it was put makes it come later, never sooner.
            if (current := self._share_entry(name)) > entry:
                heapq.heappush(self._heap, current)
                continue
            share = self._shares[name]
            candidate = heapq.heappop(share.waiting)[2]
            if usable(candidate):
                chosen = candidate
            else:
                passed.append(candidate)
            if share.waiting:
                heapq.heappush(self._heap, self._share_entry(name))
        for contender in passed:
            self.put(contender)
        return chosen

    def put(self, contender: Contender) -> None:
        """Lets one contend again, as it is now."""
        name = contender.share if self._policy is QueuePolicy.FAIR else ""
        share = self._shares[name]
        alone = not share.waiting
        heapq.heappush(share.waiting, self._entry(contender))
        if alone:
            heapq.heappush(self._heap, self._share_entry(name))

    def count(self, contender: Contender, streams: int, now: float) -> None:
        """Notes that a contender got so many streams more."""
        contender.streams += streams
        contender.since = now
        name = contender.share if self._policy is QueuePolicy.FAIR else ""
        self._shares[name].streams += streams

    def _share_entry(self, name: str) -> tuple[float, int, str]:
        share = self._shares[name]
        rank, begun, first = share.waiting[0]
        if self._policy is QueuePolicy.FAIR:
            rank = share.streams / first.weight + first.since / FAIR_AGE_SECONDS
        return (rank, begun, name)

    def _entry(self, contender: Contender) -> tuple[float, int, Contender]:
        return (self._rank(contender), contender.begun, contender)

    def _rank(self, of: Contender) -> float:
        match self._policy:
            case QueuePolicy.FAIR:
                return of.streams / of.weight + of.since / FAIR_AGE_SECONDS
            case QueuePolicy.PRIORITY:
                return of.since / PRIORITY_AGE_SECONDS - of.priority
            case QueuePolicy.MOST_REMAINING:
                return -of.remaining
            case QueuePolicy.LEAST_REMAINING:
                return of.remaining
            case QueuePolicy.RANDOM:
                return self._jitter()
            case QueuePolicy.FIRST_COME:
                return 0.0
