"""Opens repositories as another program would."""

from pathlib import Path

from commands import PASSWORD
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore

SECRET = PASSWORD.encode()


def reopen(location: Path) -> Repository:
    """A repository, from what lies on storage now."""
    repository = Repository.open(LocalStore(str(location)), SECRET)
    repository.load_index()
    return repository
