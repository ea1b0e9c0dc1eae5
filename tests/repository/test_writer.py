"""What a flush promised is there; what it could not promise it says, each time it is asked."""

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from commands import PASSWORD, check_repository
from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import RepositoryDamaged
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
from repositories import SECRET, put, reopen

SESSION_KIB_MAX = 256 << 10
# The largest blobs there are, such that compress to nothing and such that do not.
LARGE = """
import hashlib, random, sys
from container_agent.repository.blobs import BlobKind
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
repository = Repository.open(LocalStore(sys.argv[1]), sys.argv[2].encode())
writer = repository.writer()
block = random.Random(1).randbytes(8 << 20)
for number in range(48):
    data = number.to_bytes(8, "big") + (block if number % 2 else bytes(8 << 20))[8:]
    writer.put(BlobKind.DATA, hashlib.sha256(data).digest(), data)
writer.flush()
writer.close()
# What getrusage tells may be the parent's.
with open("/proc/self/status") as status:
    print(*[line.split()[1] for line in status if line.startswith("VmHWM")])
"""


class FailingOnce(LocalStore):
    """Backup storage that fails to take one file of a kind."""

    def __init__(self, location: str, kind: str) -> None:
        super().__init__(location)
        self.kind = kind

    def write(self, name: str, data: bytes | list[bytes], *, new: bool = False) -> None:
        if self.kind and name.startswith(self.kind):
            self.kind = ""
            raise OSError("storage was away")
        super().write(name, data, new=new)


def blobs(number: int) -> list[bytes]:
    return [random.Random(seed).randbytes(1 << 20) for seed in range(number)]


def test_a_pack_that_was_lost_fails_every_later_flush(location: Path):
    repository = Repository.open(FailingOnce(str(location), "data/"), SECRET)
    writer = repository.writer()
    with pytest.raises(OSError, match="away"):
        for data in blobs(60):
            put(writer, BlobKind.DATA, data)
    for _ in range(2):
        with pytest.raises(OSError, match="away"):
            writer.flush()
    writer.close()
    assert LocalStore(str(location)).names("index") == []
    check_repository(location)


def test_an_index_that_was_not_taken_is_written_by_the_next_flush(location: Path):
    repository = Repository.open(FailingOnce(str(location), "index/"), SECRET)
    writer = repository.writer()
    ids = [put(writer, BlobKind.DATA, data) for data in blobs(3)]
    with pytest.raises(OSError, match="away"):
        writer.flush()
    writer.flush()
    writer.close()
    assert all(reopen(location).has(BlobKind.DATA, blob_id) for blob_id in ids)


def test_a_blob_is_put_once_however_often_it_comes(repository: Repository):
    writer = repository.writer()
    blob_id = hashlib.sha256(b"twice").digest()
    assert writer.put(BlobKind.DATA, blob_id, memoryview(b"twice"))
    assert not writer.put(BlobKind.DATA, blob_id, b"twice")
    assert writer.put(BlobKind.TREE, blob_id, b"twice")
    writer.flush()
    assert not writer.put(BlobKind.DATA, blob_id, b"twice")
    writer.flush()
    writer.close()
    assert (writer.added_blobs, len(repository.packs())) == (2, 2)


def test_a_view_may_change_once_it_was_put(repository: Repository):
    writer = repository.writer()
    data = bytearray(b"as it was")
    blob_id = hashlib.sha256(data).digest()
    writer.put(BlobKind.DATA, blob_id, memoryview(data))
    data[:] = b"elsewise!"
    writer.flush()
    writer.close()
    assert repository.read_blob(BlobKind.DATA, blob_id) == b"as it was"


def test_the_largest_blobs_fit_into_a_session(location: Path):
    ran = subprocess.run(
        [sys.executable, "-c", LARGE, str(location), PASSWORD],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    assert int(ran.stdout) < SESSION_KIB_MAX


def test_a_blob_that_is_damaged_in_one_pack_is_read_from_another(location: Path):
    # Two sessions that know nothing of each other store the same blob.
    sessions = [reopen(location), reopen(location)]
    for number, session in enumerate(sessions):
        writer = session.writer()
        blob_id = put(writer, BlobKind.DATA, b"precious")
        put(writer, BlobKind.DATA, b"%d" % number)
        writer.flush()
        writer.close()
    packs = reopen(location).packs()
    assert len(packs) == 2
    for harmed in packs:
        path = location / "data" / harmed.hex()[:2] / harmed.hex()
        whole = path.read_bytes()
        path.chmod(0o600)
        path.write_bytes(bytes(len(whole)))
        assert reopen(location).read_blob(BlobKind.DATA, blob_id) == b"precious"
        path.write_bytes(whole)
    for harmed in packs:
        (location / "data" / harmed.hex()[:2] / harmed.hex()).write_bytes(b"")
    with pytest.raises(RepositoryDamaged, match="too short"):
        reopen(location).read_blob(BlobKind.DATA, blob_id)
