"""What the simulator's tests share."""

import pytest

from simulation import mutants  # noqa: F401  # which enters them
from simulation.mutating import MUTANTS


@pytest.fixture
def break_seeds():
    """A fault of the cores that many seeds find, while it is entered."""
    return MUTANTS["over_grant_by_one"]()
