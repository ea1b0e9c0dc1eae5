"""The keys of repositories, derived once a host and handed to its sessions."""

import asyncio
import os

import pytest

from container_agent.host import opened_keys
from container_agent.host.opened_keys import OpenedKeys
from container_agent.repository.keys import open_key
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore

PASSWORD = b"secret"


@pytest.fixture
def hanging(tmp_path, monkeypatch):
    """A repository whose storage does not answer before the test ends."""
    monkeypatch.setattr(opened_keys, "WAIT_SECONDS", 0.1)
    (tmp_path / "keys").mkdir()
    key = tmp_path / "keys" / ("0" * 64)
    os.mkfifo(key)
    yield str(tmp_path)
    os.close(os.open(key, os.O_RDWR | os.O_NONBLOCK))


async def test_a_key_is_derived_once(tmp_path):
    Repository.create(LocalStore(tmp_path), PASSWORD)
    asked = []

    def password() -> bytes:
        asked.append(1)
        return PASSWORD

    keys = OpenedKeys(password)
    keys.begin(str(tmp_path))
    known = await asyncio.gather(*(keys.known(str(tmp_path)) for _ in range(3)))
    assert set(known) == {open_key(LocalStore(tmp_path), PASSWORD).secret}
    assert len(asked) == 1


async def test_there_is_none_before_there_is_a_repository(tmp_path):
    keys = OpenedKeys(lambda: PASSWORD)
    assert await keys.known(str(tmp_path)) == b""
    Repository.create(LocalStore(tmp_path), PASSWORD)
    assert await keys.known(str(tmp_path)) != b""
    assert await OpenedKeys(lambda: b"wrong").known(str(tmp_path)) == b""


async def test_f3_storage_that_hangs_is_not_waited_for(hanging):
    assert await OpenedKeys(lambda: PASSWORD).known(hanging) == b""
