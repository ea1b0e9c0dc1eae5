"""Worlds with faults, one a seed: whatever goes wrong, what must hold holds, and all runs end."""

import sys

import pytest

from sluicegate.simulation.ranges import broken, told_of

SEEDS = range(5_000)


@pytest.mark.slow
def test_five_thousand_seeds_hold(capfd):
    with capfd.disabled():
        print()
        found = broken(SEEDS, out=sys.stdout)
    assert not found, "\n".join(map(told_of, found))
