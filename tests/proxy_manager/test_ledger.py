"""The ledger of places, under any order of events."""

from collections import Counter
from math import inf

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from proxy_manager.core.ledger import RESERVED, Ledger, OverGranted, Stage
from proxy_manager.core.placement import Opening, Openings
from proxy_manager.core.rules import Policy

LIMITS = {"a": 1, "b": 2, "c": 3}
HOLD = 10.0
SESSIONS = st.sampled_from([f"s{n}" for n in range(12)])


class Places(RuleBasedStateMachine):
    """Sessions reserve, begin, lapse, end and go in any order, and twice."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.now = 0.0
        self.begun: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()

    @rule(asked=st.lists(SESSIONS, unique=True))
    def reserve(self, asked):
        new = [id_ for id_ in asked if self.ledger.get(id_) is None]
        openings = Openings(Policy.SPREAD)
        for name, limit in LIMITS.items():
            openings.note(Opening(name, self.ledger.used(name), limit, inf))
        free = openings.free
        for session_id in new:
            if host := openings.choose():
                free -= 1
                self.begun[session_id] += 1
                self.ledger.reserve(session_id, host, LIMITS[host], self.now, self.now + HOLD)
                openings.note(Opening(host, self.ledger.used(host), LIMITS[host], inf))
            else:
                assert free == 0
        assert openings.free == free

    @rule(session_id=SESSIONS)
    def created(self, session_id):
        self.ledger.hold(session_id, self.now, self.now + HOLD)

    @rule(session_id=SESSIONS)
    def initiate(self, session_id):
        before = self.ledger.get(session_id)
        if self.ledger.initiate(session_id, self.now):
            assert before is not None and before.stage is Stage.HELD and before.until > self.now
            self.ended[session_id] += 1

    @rule(seconds=st.floats(0, 2 * HOLD))
    def time_passes(self, seconds):
        self.now += seconds
        for place in self.ledger.overdue(self.now):
            self._end(place.session_id)
        assert not self.ledger.overdue(self.now)

    @rule(session_id=SESSIONS)
    def release_or_finish(self, session_id):
        self._end(session_id)

    @rule(session_id=SESSIONS)
    def gone(self, session_id):
        place = self.ledger.free(session_id)
        if place is not None and place.stage in RESERVED:
            self.ended[session_id] += 1

    @precondition(lambda self: any(self.ledger.used(n) == limit for n, limit in LIMITS.items()))
    @rule()
    def a_full_host_takes_no_more(self):
        host = next(n for n, limit in LIMITS.items() if self.ledger.used(n) == limit)
        with pytest.raises(OverGranted):
            self.ledger.reserve("one more", host, LIMITS[host], self.now, self.now)

    def _end(self, session_id):
        place = self.ledger.end(session_id)
        if place is not None and place.stage in RESERVED:
            self.ended[session_id] += 1

    @invariant()
    def s3_no_host_is_above_its_limit(self):
        for name, limit in LIMITS.items():
            places = self.ledger.on_host(name)
            assert len(places) == self.ledger.used(name) <= limit
        assert sum(map(self.ledger.used, LIMITS)) == len(list(self.ledger))

    @invariant()
    def s11_a_reservation_ends_exactly_once(self):
        open_now = Counter(p.session_id for p in self.ledger if p.stage in RESERVED)
        assert self.begun == self.ended + open_now


TestPlaces = Places.TestCase
TestPlaces.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_the_ledger_shows_itself():
    ledger = Ledger()
    assert repr(ledger) == "<Ledger empty>"
    ledger.reserve("s1", "a", 1, 0.0, 1.0)
    assert repr(ledger) == "<Ledger s1@a creating>"
