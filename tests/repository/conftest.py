"""Repositories in a directory."""

from pathlib import Path

import pytest

from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
from repositories import SECRET, reopen


@pytest.fixture
def location(tmp_path: Path) -> Path:
    """A new repository."""
    Repository.create(LocalStore(str(tmp_path / "repository")), SECRET)
    return tmp_path / "repository"


@pytest.fixture
def repository(location: Path) -> Repository:
    """The same, open."""
    return reopen(location)
