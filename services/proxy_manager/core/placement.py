"""Which host a session goes to: filter, then rank, then take."""

import heapq
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass

from proxy_manager.core.model import Declined, Reason
from proxy_manager.core.rules import Policy

Rank = tuple[bool, float, str]
# Why there is no place, the reason that passes soonest first, and what is said of so many hosts.
REASONS = {
    Reason.NO_PLACE: "full",
    Reason.OVER_THRESHOLD: "over a threshold",
    Reason.QUARANTINED: "in quarantine",
    Reason.HOST_DRAINING: "draining",
}


@dataclass(frozen=True)
class Opening:
    """How far a host is open: `room` sessions may start on it now, or none for a reason.

    `limit` and `further` are what makes its room: places in all, and sessions that load and
    quarantine leave it. A host that is `low` is below its low thresholds.
    """

    name: str
    used: int
    limit: int
    further: float
    low: bool = True
    closed: Reason | None = None

    @property
    def room(self) -> int:
        """Sessions that may start on it now."""
        return int(max(0.0, min(self.limit - self.used, self.further)))

    @property
    def reason(self) -> Reason | None:
        """Why it takes none now."""
        return self.closed or (None if self.room else Reason.NO_PLACE)

    def grew(self, before: "Opening | None") -> bool:
        """Whether it takes more than before for another reason than that a session ended."""
        if self.room == 0:
            return False
        if before is None or (before.further == 0 and self.further > 0):
            return True
        return self.limit > before.limit


class Openings:
    """All hosts, in the order in which they are to be taken.

    `free` is the room of all. Taking note of a host and choosing one cost the logarithm of how many
    there are (R57, R58): 1,000 hosts are no slower to choose from than ten.
    """

    def __init__(self, policy: Policy) -> None:
        self.free = 0
        self.grown = False
        self._policy = policy
        self._openings: dict[str, Opening] = {}
        self._ranks: dict[str, Rank] = {}
        self._heap: list[Rank] = []
        self._reasons: Counter[Reason] = Counter()

    def get(self, name: str) -> Opening | None:
        """How far a host is open."""
        return self._openings.get(name)

    def note(self, opening: Opening) -> None:
        """Takes note of how far a host is open now."""
        before = self.forget(opening.name)
        self._openings[opening.name] = opening
        self.free += opening.room
        self.grown |= opening.grew(before)
        if opening.reason:
            self._reasons[opening.reason] += 1
        if opening.room:
            self._enter(opening.name, self._rank(opening))

    def forget(self, name: str) -> Opening | None:
        """Drops a host. How far it was open."""
        before = self._openings.pop(name, None)
        self._ranks.pop(name, None)
        if before is not None:
            self.free -= before.room
            if before.reason:
                self._reasons[before.reason] -= 1
        return before

    def choose(self, avoided: Container[str] = ()) -> str | None:
        """The host that the next session is to go to, or None when there is none."""
        passed: list[Rank] = []
        chosen = None
        while chosen is None and self._heap:
            rank = self._heap[0]
            if self._ranks.get(rank[2]) != rank:
                heapq.heappop(self._heap)
            elif rank[2] in avoided:
                passed.append(heapq.heappop(self._heap))
            else:
                chosen = rank[2]
        for rank in passed:
            heapq.heappush(self._heap, rank)
        return chosen

    def reasons(self) -> dict[Reason, int]:
        """Why hosts take no session now, and how many."""
        return {reason: count for reason, count in self._reasons.items() if count}

    def declined(self) -> Declined:
        """Why there is no place: the reason that passes soonest, and how many hosts have which."""
        told = [(of, self._reasons[of], text) for of, text in REASONS.items() if self._reasons[of]]
        if not told:
            return Declined(Reason.NO_HOST, "no proxy host is attached")
        counts = ", ".join(f"{count} {text}" for _, count, text in told)
        return Declined(told[0][0], f"no place on the proxy hosts: {counts}")

    def _rank(self, opening: Opening) -> Rank:
        fill = opening.used / opening.limit
        return (not opening.low, fill if self._policy is Policy.SPREAD else -fill, opening.name)

    def _enter(self, name: str, rank: Rank) -> None:
        self._ranks[name] = rank
        heapq.heappush(self._heap, rank)
        # Ranks that were replaced stay in the heap until they come up, or are too many.
        if len(self._heap) > 64 + 4 * len(self._ranks):
            self._heap = sorted(self._ranks.values())
