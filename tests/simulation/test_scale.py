"""What a slice costs to simulate, and so to decide on, does not grow with the hosts and streams."""

import cProfile
import pstats

import pytest

from sluicegate.simulation.plan import Question, drawn_times, foresee

ASSETS, PLACES = 10, 24
# As many slices for each place, whatever the hosts.
SLICES_A_HOST = 3


def question(hosts, method):
    times = drawn_times(ASSETS, SLICES_A_HOST * hosts, 300.0, 0.5, 1)
    return Question(times, hosts=hosts, sessions_max=PLACES, method=method, order="longest_first")


def cost(hosts, method):
    """How many steps, and how many calls of functions, a slice takes: both the same every time."""
    asked = question(hosts, method)
    with cProfile.Profile() as profile:
        forecast = foresee(asked)
    slices = sum(map(len, asked.seconds))
    return forecast.steps / slices, pstats.Stats(profile).total_calls / slices


@pytest.mark.parametrize(("method", "steps_most"), [("continuous", 40), ("per_slice", 50)])
def test_ten_times_the_hosts_and_slices_take_as_many_steps_and_calls_a_slice(method, steps_most):
    foresee(question(1, method))
    few_steps, few_calls = cost(10, method)
    many_steps, many_calls = cost(100, method)
    assert many_steps < steps_most and many_steps < 1.2 * few_steps
    assert many_calls < 1.2 * few_calls
