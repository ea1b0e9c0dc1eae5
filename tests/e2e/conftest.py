"""What end-to-end tests share: trees and repositories."""

from pathlib import Path

import pytest

from commands import sluicegate
from trees import make_tree

LARGE_BYTES = 300 << 20


@pytest.fixture(scope="session")
def large_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """At least 5,000 files, every kind of entry, one file of 300 MiB. Nobody may change it."""
    root = tmp_path_factory.mktemp("large") / "asset"
    make_tree(root, files=5_000, large_bytes=LARGE_BYTES)
    return root


@pytest.fixture
def small_tree(tmp_path: Path) -> Path:
    """A few hundred files and every kind of entry; the test's own."""
    root = tmp_path / "asset"
    make_tree(root, files=300)
    return root


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A new repository."""
    location = tmp_path / "repository"
    sluicegate("init", "--repo", location)
    return location
