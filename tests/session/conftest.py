"""Repositories to back up into, and a small tree."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
from repositories import SECRET, reopen
from trees import write_file


@pytest.fixture(scope="module")
def shared_repository() -> Iterator[Repository]:
    """One for all tests of a file, for those that only look at what they put there. In memory, as
    properties over many trees flush it thousands of times."""
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with TemporaryDirectory(dir=memory) as above:
        location = Path(above) / "repository"
        Repository.create(LocalStore(str(location)), SECRET)
        yield reopen(location)


@pytest.fixture(scope="session")
def empty_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new repository to copy: a password is slow to hash on purpose."""
    location = tmp_path_factory.mktemp("empty") / "repository"
    Repository.create(LocalStore(str(location)), SECRET)
    return location


@pytest.fixture
def location(tmp_path: Path, empty_repository: Path) -> Path:
    """A new repository."""
    return Path(shutil.copytree(empty_repository, tmp_path / "repository"))


@pytest.fixture
def repository(location: Path) -> Repository:
    """The same, open."""
    return reopen(location)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree: a, d/x, d/y, e/f/g, large, z."""
    root = tmp_path / "tree"
    (root / "d").mkdir(parents=True)
    (root / "e" / "f").mkdir(parents=True)
    for name in ("a", "d/x", "d/y", "e/f/g", "z"):
        write_file(bytes(root / name), 2000, len(name))
    write_file(bytes(root / "large"), (3 << 20) + 100, 5)
    return root
