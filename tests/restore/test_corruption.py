"""F16: whatever is altered in a repository is found by a verify, and nothing wrong is restored. The
whole campaign is `python -m bench.corruption`."""

import os
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from commands import sluicegate
from container_agent.repository import index_cache
from container_agent.repository.errors import RepositoryDamaged
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
from corruption import Campaign, flipped, missed, replace
from repositories import SECRET, reopen
from restore.restoring import damage, verified

PACK_HARMS = 250


@pytest.fixture(scope="module")
def campaign() -> Iterator[Campaign]:
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with TemporaryDirectory(dir=memory) as place:
        yield Campaign.begin(Path(place))


def test_f16_every_altered_byte_of_metadata_is_found_and_nothing_wrong_is_restored(campaign):
    harms = list(campaign.altered_bytes(seed=1))
    assert len(harms) == sum(path.stat().st_size for path in campaign.metadata())
    assert [told for harm in harms if (told := missed(campaign, harm))] == []


def test_f16_whatever_is_done_to_packs_is_found_and_nothing_wrong_is_restored(campaign):
    harms = islice(campaign.harmed_packs(seed=2), PACK_HARMS)
    assert [told for harm in harms if (told := missed(campaign, harm))] == []


def test_what_is_whole_is_not_called_damaged(campaign):
    assert campaign.verdict() == ""
    assert campaign.wrongly_restored() == []


@pytest.mark.parametrize("kind", ["config", "keys", "index", "snapshots", "data"])
def test_f16_the_commands_say_so(campaign, kind, tmp_path):
    location = Path(shutil.copytree(campaign.location, tmp_path / "repository"))
    [harmed, *_] = [p for p in sorted(location.rglob("*")) if p.is_file() and kind in p.parts]
    content = harmed.read_bytes()
    replace({harmed: flipped(content, len(content) // 2, 4)})
    done = sluicegate("verify", "--repo", location, code=1)
    assert "damaged" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_key_is_no_wrong_password(campaign, tmp_path):
    location = Path(shutil.copytree(campaign.location, tmp_path / "repository"))
    [key] = (location / "keys").iterdir()
    content = key.read_bytes()
    # Another salt, which is text as before.
    at = content.index(b'"salt": "') + 9
    replace({key: flipped(content, at, 1)})
    with pytest.raises(RepositoryDamaged, match="its name is not its hash"):
        reopen(location)


def test_a_damaged_index_is_found_though_a_cache_has_it(campaign, tmp_path, monkeypatch):
    monkeypatch.setattr(index_cache, "ROWS_MAX", 1)
    location = Path(shutil.copytree(campaign.location, tmp_path / "repository"))

    def opened() -> Repository:
        store, cache = LocalStore(str(location)), tmp_path / "cache"
        repository = Repository.open(store, SECRET, cache=cache)
        repository.load_index()
        return repository

    assert not verified(opened()).unread_count
    harmed = sorted((location / "index").iterdir())[0]
    replace({harmed: flipped(harmed.read_bytes(), 40, 1)})
    assert f"index/{harmed.name}" in damage(verified(opened()))
