"""Each broken core is found by the simulator within a bounded number of seeds."""

from dataclasses import replace
from itertools import chain

import pytest

from simulation import mutants  # noqa: F401  # which enters them
from simulation.mutating import MUTANTS
from sluicegate.simulation.scenario import FaultPlan, draw
from sluicegate.simulation.seeds import run

SEEDS_MAX = 200
# What a core does wrong only after this is found sooner where it happens often.
FORGOTTEN = FaultPlan(until=45.0, every_seconds=8.0, kinds=("forget_host", "slow_host"))
# A result of an old attempt reaches the data manager only past the proxy manager's own fence: where
# that one was killed and the words about it were lost or said twice.
CUT = FaultPlan(
    until=60.0,
    every_seconds=2.0,
    kinds=("cut_data_manager", "kill_proxy_manager", "break_line"),
    lost=0.2,
    doubled=0.3,
)
# So that what runs is ended, and what it stored pruned before others come.
PRUNED = FaultPlan(
    until=60.0,
    every_seconds=2.0,
    kinds=("prune", "kill_host", "kill_session", "kill_data_manager"),
)


def worlds():
    """Those of the seeds, and as many with each plan that does the same again and again."""
    usual = map(draw, range(SEEDS_MAX))
    planned = (
        replace(draw(seed), faults=plan)
        for plan in (FORGOTTEN, CUT, PRUNED)
        for seed in range(SEEDS_MAX)
    )
    return chain(usual, planned)


def breaks(name, world):
    """Whether a world breaks with a mutant, and holds without it."""
    with MUTANTS[name]():
        broken = run(world).broken
    return bool(broken) and not run(world).broken


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_a_broken_core_is_found(name):
    assert any(breaks(name, world) for world in worlds()), f"nothing wrong is found with {name}"


def test_there_are_enough_of_them():
    assert len(MUTANTS) >= 20
