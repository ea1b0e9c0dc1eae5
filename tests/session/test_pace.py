"""How fast primary storage is read."""

from hypothesis import given
from hypothesis import strategies as st

from container_agent.storage.pace import LEAST_SECONDS, Pace

RATE = 1 << 20


@given(st.lists(st.tuples(st.integers(0, 8 << 20), st.floats(0, 3)), min_size=1, max_size=50))
def test_no_more_is_read_than_the_limit_at_any_time(reads):
    """Whoever waits as told, and idles in between, has never read more than was allowed by then."""
    now = 0.0
    pace = Pace(RATE, now)
    done = 0
    for size, idle in reads:
        now += idle
        done += size
        now += pace.pause_seconds(size, now)
        assert done <= RATE * (now + 2 * LEAST_SECONDS) + 1


def test_it_is_as_fast_as_it_may_be():
    pace, now, waited = Pace(RATE, 0.0), 0.0, 0.0
    for _ in range(1000):
        seconds = pace.pause_seconds(16 << 10, now)
        now, waited = now + seconds, waited + seconds
    assert 0.98 < waited / (1000 * (16 << 10) / RATE) < 1.02


def test_what_was_not_read_in_time_is_not_made_up_for():
    pace = Pace(RATE, 0.0)
    assert pace.pause_seconds(RATE, 100.0) > 0.99
