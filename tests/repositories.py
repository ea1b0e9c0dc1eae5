"""Opens repositories as another program would."""

import hashlib
from pathlib import Path

from commands import PASSWORD
from container_agent.repository.blobs import BlobKind
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
from container_agent.repository.writer import PackWriter

SECRET = PASSWORD.encode()


def reopen(location: Path) -> Repository:
    """A repository, from what lies on storage now."""
    repository = Repository.open(LocalStore(str(location)), SECRET)
    repository.load_index()
    return repository


def put(writer: PackWriter, kind: BlobKind, data: bytes) -> bytes:
    """Puts a blob; its id."""
    blob_id = hashlib.sha256(data).digest()
    writer.put(kind, blob_id, data)
    return blob_id
