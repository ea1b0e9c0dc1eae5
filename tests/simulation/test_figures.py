"""What the methods are worth: the figures that the design promises, from the real cores."""

from dataclasses import replace

import pytest

from sluicegate.simulation.plan import Question, drawn_times, foresee

LONG = Question(drawn_times(10, 80, 300.0, 1.0, 7))
TINY = replace(LONG, seconds=drawn_times(10, 80, 0.5, 1.0, 7))


@pytest.fixture(scope="module")
def forecasts():
    """Each method on the same 800 slices and 48 streams, asked once."""
    known = {}

    def of(question, method, order="in_order"):
        key = (question.seconds[0][0], method, order)
        if key not in known:
            known[key] = foresee(replace(question, method=method, order=order))
        return known[key]

    return of


def test_r93_fixed_sessions_in_waves_leave_most_streams_idle(forecasts):
    assert forecasts(LONG, "traditional").use < 0.40


def test_r96_r97_continuous_longest_first_is_near_the_least_possible_time(forecasts):
    best = forecasts(LONG, "continuous", "longest_first")
    assert best.total_seconds <= 1.05 * best.bound_seconds
    assert best.use >= 0.94


@pytest.mark.parametrize("method", ["batch", "per_slice", "continuous"])
def test_every_method_beats_fixed_sessions_twofold(forecasts, method):
    traditional = forecasts(LONG, "traditional").total_seconds
    assert forecasts(LONG, method).total_seconds < traditional / 2


def test_r90_with_tiny_slices_the_containers_that_stay_are_worth_twice_the_others(forecasts):
    fed = forecasts(TINY, "continuous", "longest_first")
    assert fed.use >= 0.80
    assert fed.use > 2 * forecasts(TINY, "per_slice", "longest_first").use


@pytest.mark.parametrize("order", ["in_order", "longest_first"])
def test_r93_no_stream_waits_for_a_start_of_another(forecasts, order):
    """Of 0.5 s of work and 0.77 s of start 0.37 are work, less how a backup begins and ends."""
    assert forecasts(TINY, "per_slice", order).use >= 0.33


def test_r90_a_fed_session_serves_until_nothing_is_left(forecasts):
    assert forecasts(LONG, "continuous", "longest_first").sessions <= 60
    assert forecasts(LONG, "per_slice").sessions == 800


def test_auto_feeds_tiny_slices_and_gives_long_ones_sessions_of_their_own(forecasts):
    assert forecasts(TINY, "auto").sessions <= 60
    assert forecasts(LONG, "auto").sessions > 400


def test_more_hosts_take_less_time(forecasts):
    more = foresee(replace(LONG, method="continuous", order="longest_first", hosts=4))
    assert more.total_seconds < 0.75 * forecasts(LONG, "continuous").total_seconds
