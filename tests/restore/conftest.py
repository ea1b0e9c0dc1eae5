"""A repository of forged trees, a target, and what lies beside it."""

import os
from pathlib import Path

import pytest

from compare import describe, differences
from restore.restoring import Forged


@pytest.fixture(scope="module")
def forged(tmp_path_factory: pytest.TempPathFactory):
    forged = Forged(tmp_path_factory.mktemp("forged") / "repository")
    yield forged
    forged.close()


@pytest.fixture
def outside(tmp_path: Path):
    """A canary beside the target that must be afterwards as it was before."""
    place = tmp_path / "outside"
    place.mkdir()
    (place / "canary").write_bytes(b"sings")
    os.utime(place / "canary", ns=(5, 5))
    os.utime(place, ns=(6, 6))
    before = describe(place)
    yield place
    assert differences(before, describe(place)) == []


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"
