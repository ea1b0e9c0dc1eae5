"""A repository that restic accepts: made, opened, written, read back, and refused when wrong."""

import hashlib
import json
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from commands import check_repository, restic, run
from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import (
    BlobMissing,
    RepositoryDamaged,
    RepositoryExists,
    RepositoryLocked,
    RepositoryMissing,
    RepositoryVersion,
    SnapshotAmbiguous,
    SnapshotUnknown,
    StorageFull,
    WrongPassword,
)
from container_agent.repository.locks import is_stale
from container_agent.repository.polynomials import DEGREE, is_irreducible, random_polynomial
from container_agent.repository.repository import Repository
from container_agent.repository.snapshots import Snapshot
from container_agent.repository.stores import LocalStore
from container_agent.repository.times import format_time
from container_agent.repository.trees import Node, encode_tree
from repositories import SECRET, put, reopen


def write_files(repository: Repository, contents: list[bytes]) -> bytes:
    """A snapshot with one directory of files; the id of its tree."""
    writer = repository.writer()
    nodes = [
        Node(
            b"file-%05d" % number,
            "file",
            0o644,
            inode=number + 1,
            size=len(content),
            links=1,
            content=(put(writer, BlobKind.DATA, content),) if content else (),
        )
        for number, content in enumerate(contents)
    ]
    tree = put(writer, BlobKind.TREE, encode_tree(nodes))
    writer.flush()
    writer.close()
    return repository.save_snapshot(Snapshot(time.time_ns(), tree, ("/files",), "here"))


def contents(number: int = 300) -> list[bytes]:
    rng = random.Random(number)
    return [
        rng.randbytes(rng.randrange(3000)) + b"text " * rng.randrange(2000) for _ in range(number)
    ]


def test_restic_reads_what_we_wrote(location: Path, repository: Repository, tmp_path: Path):
    files = contents()
    snapshot_id = write_files(repository, files)
    check_repository(location)
    [listed] = json.loads(restic(location, "snapshots", "--json"))
    assert listed["id"] == snapshot_id.hex()
    restic(location, "restore", "latest", "--target", tmp_path / "to")
    assert [path.read_bytes() for path in sorted((tmp_path / "to").iterdir())] == files


def test_we_read_what_restic_wrote(location: Path, tmp_path: Path):
    (tmp_path / "file").write_bytes(b"by restic")
    restic(location, "backup", tmp_path / "file")
    repository = reopen(location)
    [snapshot] = repository.snapshots()
    assert snapshot.paths == (str(tmp_path / "file"),)
    blob_id = hashlib.sha256(b"by restic").digest()
    assert repository.read_blob(BlobKind.DATA, blob_id) == b"by restic"
    assert repository.size_of(BlobKind.DATA, blob_id) == 9


def test_what_is_there_is_not_stored_again(location: Path, repository: Repository):
    write_files(repository, contents())
    packs = set(repository.packs())
    again = reopen(location)
    write_files(again, contents())
    assert set(reopen(location).packs()) == packs


def test_blobs_of_both_kinds_are_found_by_many_threads(location: Path, repository: Repository):
    files = [content for content in contents() if content]
    write_files(repository, files)
    other = reopen(location)
    ids = [hashlib.sha256(content).digest() for content in files]
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda i: other.read_blob(BlobKind.DATA, i), ids))
    assert read == files
    assert not other.has(BlobKind.TREE, ids[0])
    with pytest.raises(BlobMissing):
        other.read_blob(BlobKind.TREE, ids[0])


def test_a_wrong_password_opens_nothing(location: Path):
    with pytest.raises(WrongPassword):
        Repository.open(LocalStore(str(location)), b"wrong")


def test_a_directory_without_a_config_is_no_repository(tmp_path: Path):
    with pytest.raises(RepositoryMissing, match="sluicegate init"):
        Repository.open(LocalStore(str(tmp_path)), SECRET)


def test_nothing_is_made_over_a_repository(location: Path):
    with pytest.raises(RepositoryExists):
        Repository.create(LocalStore(str(location)), SECRET)


def test_nothing_is_made_among_other_files(tmp_path: Path):
    (tmp_path / "letter").write_text("mine")
    with pytest.raises(RepositoryExists):
        Repository.create(LocalStore(str(tmp_path)), SECRET)
    assert [path.name for path in tmp_path.iterdir()] == ["letter"]


def test_other_versions_are_refused_by_name(tmp_path: Path):
    restic(tmp_path / "old", "init", "--repository-version", "1")
    with pytest.raises(RepositoryVersion, match="version 1"):
        Repository.open(LocalStore(str(tmp_path / "old")), SECRET)


def test_a_key_added_by_restic_opens(location: Path, tmp_path: Path):
    (tmp_path / "new").write_text("second\n")
    restic(location, "key", "add", "--new-password-file", tmp_path / "new")
    Repository.open(LocalStore(str(location)), b"second")


def test_snapshots_are_found_by_digits(location: Path, repository: Repository):
    with pytest.raises(SnapshotUnknown, match="no snapshots"):
        repository.find_snapshot("latest")
    ids = [write_files(repository, [b"%d" % number]) for number in range(17)]
    assert repository.find_snapshot("latest").snapshot_id == ids[-1]
    assert repository.find_snapshot(ids[3].hex()[:16]).snapshot_id == ids[3]
    with pytest.raises(SnapshotUnknown):
        repository.find_snapshot("0123456789abcdef")
    with pytest.raises(SnapshotAmbiguous):
        # Of 17 ids two at least share their first digit.
        digits = [snapshot_id.hex()[0] for snapshot_id in ids]
        repository.find_snapshot(max(digits, key=digits.count))


def test_every_flipped_bit_is_found(location: Path, repository: Repository):
    write_files(repository, contents(40))
    rng = random.Random(1)
    packs = repository.packs()
    for _ in range(200):
        pack_id = rng.choice(packs)
        path = location / "data" / pack_id.hex()[:2] / pack_id.hex()
        whole = path.read_bytes()
        path.chmod(0o600)
        at = rng.randrange(len(whole))
        path.write_bytes(whole[:at] + bytes((whole[at] ^ 1 << rng.randrange(8),)) + whole[at + 1 :])
        assert repository.verify_pack(pack_id).errors
        path.write_bytes(whole)
    assert [repository.verify_pack(pack_id).errors for pack_id in packs] == [[]] * len(packs)


def test_a_swapped_index_file_is_damage(location: Path, repository: Repository):
    write_files(repository, [b"one"])
    write_files(repository, [b"two"])
    one, two = sorted((location / "index").iterdir())[:2]
    one.chmod(0o600)
    one.write_bytes(two.read_bytes())
    with pytest.raises(RepositoryDamaged, match="name"):
        reopen(location)


def test_a_full_disk_is_said_and_nothing_half_is_left(tmp_path: Path):
    mount = tmp_path / "disk"
    mount.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", mount)
    try:
        store = LocalStore(str(mount / "r"))
        Repository.create(store, SECRET)
        repository = Repository.open(store, SECRET)
        writer = repository.writer()
        for number in range(8):
            put(writer, BlobKind.DATA, random.Random(number).randbytes(1 << 20))
        with pytest.raises(StorageFull, match="full"):
            writer.flush()
        writer.close()
        assert [name for name in os.listdir(mount / "r" / "index")] == []
        assert list((mount / "r" / "data").rglob("sluicegate-tmp-*")) == []
        check_repository(mount / "r")
    finally:
        run("umount", mount)


def test_a_shared_lock_is_seen_by_restic_and_then_gone(location: Path, repository: Repository):
    with repository.shared_lock():
        assert len(restic(location, "list", "locks", "--no-lock").split()) == 1
        restic(location, "prune", code=1)
    assert restic(location, "list", "locks", "--no-lock").split() == []


def test_an_exclusive_lock_is_respected(location: Path, repository: Repository):
    document = {
        "time": format_time(time.time_ns()),
        "exclusive": True,
        "hostname": "elsewhere",
        "username": "somebody",
        "pid": 1,
    }
    plain = json.dumps(document).encode()
    sealed = repository._sealer.seal(plain)
    (location / "locks" / hashlib.sha256(sealed).hexdigest()).write_bytes(sealed)
    with pytest.raises(RepositoryLocked, match="somebody on elsewhere"), repository.shared_lock():
        pass
    assert len(list((location / "locks").iterdir())) == 1


def test_locks_go_stale():
    now = time.time_ns()
    lock = {"time": format_time(now), "hostname": "elsewhere", "pid": 1}
    assert not is_stale(lock, now)
    assert is_stale(lock, now + 1_801 * 10**9)


def test_polynomials_are_irreducible_of_degree_53():
    """restic's own polynomial of its tests is one; a product of two is none."""
    assert is_irreducible(0x3DA3358B4DC173)
    assert not is_irreducible(0x3DA3358B4DC172)
    polynomial = random_polynomial()
    assert polynomial.bit_length() == DEGREE + 1
    assert is_irreducible(polynomial)
