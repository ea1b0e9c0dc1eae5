"""What the simulator's tests share."""

import pytest

from simulation.mutants import MUTANTS


@pytest.fixture
def break_seeds():
    """A fault of the cores that many seeds find, while it is entered."""
    return MUTANTS["over_grant_by_one"]()
