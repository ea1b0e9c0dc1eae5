"""What cannot be opened is refused in one line that says what it is."""

import hashlib
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container_agent.repository import keys
from container_agent.repository.compression import decompress, decompress_document
from container_agent.repository.errors import (
    RepositoryDamaged,
    RepositoryError,
    RepositoryMissing,
    RepositoryVersion,
    SnapshotUnknown,
    WrongPassword,
)
from container_agent.repository.repository import Repository
from container_agent.repository.snapshots import Snapshot
from container_agent.repository.stores import LocalStore
from container_agent.repository.times import format_second, format_time, parse_time
from repositories import SECRET


def rewrite(path: Path, data: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(data)


def refused(location: Path, password: bytes = SECRET) -> RepositoryError:
    with pytest.raises(RepositoryError) as raised:
        Repository.open(LocalStore(str(location)), password)
    assert "\n" not in str(raised.value)
    return raised.value


@pytest.mark.parametrize(
    ("version", "words"), [(1, "migrate"), (3, "newer Sluicegate"), (None, "migrate")]
)
def test_another_version_is_refused_with_what_to_do(location, repository, version, words):
    config = json.dumps({"version": version, "id": "00", "chunker_polynomial": "0"}).encode()
    rewrite(location / "config", repository._sealer.seal(config))
    error = refused(location)
    assert isinstance(error, RepositoryVersion)
    assert f"of version {version}" in str(error) and words in str(error)


def test_a_damaged_config_is_called_so(location: Path):
    sealed = bytearray((location / "config").read_bytes())
    sealed[20] ^= 1
    rewrite(location / "config", bytes(sealed))
    assert isinstance(error := refused(location), RepositoryDamaged)
    assert "config" in str(error)


@pytest.mark.parametrize(
    "text", ["", "no JSON", "{}", "[]", '{"kdf":"scrypt","salt":5}', '{"kdf":"scrypt"}']
)
def test_a_damaged_key_file_is_called_so(location: Path, text: str):
    [key] = (location / "keys").iterdir()
    rewrite(key, text.encode())
    assert isinstance(error := refused(location), RepositoryDamaged)
    assert key.name in str(error)


@pytest.mark.parametrize("cost", [{"N": 1 << 40}, {"N": 3}, {"r": 1 << 30}, {"p": 0}])
def test_a_key_file_cannot_ask_for_all_memory(location: Path, cost):
    [key] = (location / "keys").iterdir()
    rewrite(key, json.dumps(json.loads(key.read_bytes()) | cost).encode())
    assert isinstance(refused(location), RepositoryDamaged)


def test_a_damaged_key_file_does_not_hide_a_whole_one(location: Path):
    (location / "keys" / ("0" * 64)).write_bytes(b"{}")
    Repository.open(LocalStore(str(location)), SECRET)
    assert isinstance(refused(location, b"wrong"), RepositoryDamaged)


def test_keys_of_another_kind_open_nothing(location: Path):
    [key] = (location / "keys").iterdir()
    other = json.dumps(json.loads(key.read_bytes()) | {"kdf": "argon2"}).encode()
    key.unlink()
    key.with_name(hashlib.sha256(other).hexdigest()).write_bytes(other)
    assert isinstance(refused(location), WrongPassword)


def test_a_repository_without_keys_is_called_so(location: Path):
    [key] = (location / "keys").iterdir()
    key.unlink()
    assert isinstance(refused(location), RepositoryMissing)


def test_a_known_master_key_of_another_repository_is_passed_over(location: Path):
    master = keys.open_key(LocalStore(str(location)), SECRET)
    assert Repository.open(LocalStore(str(location)), b"", master.secret).id
    assert Repository.open(LocalStore(str(location)), SECRET, os.urandom(64)).id
    with pytest.raises(WrongPassword):
        Repository.open(LocalStore(str(location)), b"wrong", os.urandom(64))


@pytest.mark.parametrize("name", ["../config", "x" * 64, ("../" * 30)[:64], "", "ä"])
def test_a_snapshot_of_no_such_name_is_unknown(repository: Repository, name: str):
    repository.save_snapshot(Snapshot(time.time_ns(), bytes(32), ("/files",)))
    with pytest.raises(SnapshotUnknown):
        repository.find_snapshot(name)


@given(st.binary(max_size=200))
def test_no_bytes_decompress_to_more_than_was_declared(data: bytes):
    for decompressed in (lambda: decompress(data, 100), lambda: decompress_document(data)):
        try:
            assert len(decompressed()) <= 100 or data
        except RepositoryDamaged as error:
            assert "\n" not in str(error)


def test_a_frame_that_says_it_is_larger_is_refused_before_it_takes_memory():
    # A frame's header that declares 2 TiB, and nothing behind it.
    frame = bytes.fromhex("28b52ffde0") + (2 << 40).to_bytes(8, "little") + b"\x01\x00\x00"
    for decompressed in (lambda: decompress(frame, 100), lambda: decompress_document(frame)):
        with pytest.raises(RepositoryDamaged):
            decompressed()


@given(st.integers(-62_167_132_800, 253_402_214_400), st.integers(0, 10**9 - 1))
@pytest.mark.parametrize("zone", ["UTC", "Europe/Amsterdam", "Asia/Kathmandu", "America/St_Johns"])
def test_times_of_all_years_that_go_knows_come_back(zone: str, second: int, fraction: int):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TZ", zone)
        time.tzset()
        format_second.cache_clear()
        time_ns = second * 10**9 + fraction
        assert parse_time(format_time(time_ns)) == time_ns
    time.tzset()
    format_second.cache_clear()


def test_the_hash_of_a_key_file_is_its_name(location: Path):
    [key] = (location / "keys").iterdir()
    assert hashlib.sha256(key.read_bytes()).hexdigest() == key.name
