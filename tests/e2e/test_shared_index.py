"""A large repository's index is one file for all sessions of the host, and changes no answer."""

import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from commands import restic, sluicegate, summary
from compare import describe, differences
from deployment import apart
from indexes import name_in_index, some_packs

STREAMS = 4
# Each more than a tenth of what is worth a file.
INDEXES = 6


@pytest.mark.slow
@pytest.mark.parametrize("deployment", ["embedded", "apart"])
def test_backups_share_it_and_find_what_they_stored(
    small_tree: Path, repository: Path, tmp_path: Path, deployment: str
):
    for seed in range(INDEXES):
        name_in_index(repository, some_packs(seed, packs=10, blobs=2_000))
    env = {"SLUICEGATE_CACHE_DIRECTORY": str(tmp_path / "cache")}
    (tmp_path / "services").mkdir()
    where = nullcontext("")
    if deployment == "apart":
        where = apart(tmp_path / "services", STREAMS, env)
    with where as address:
        server = ("--server", address) if address else ()
        words = ("backup", small_tree, "--repo", repository, "--streams", STREAMS, *server)
        words = (*words, "--slice-bytes", "100KiB", "--slices-per-session", 1)
        first = summary(*words, env=env)
        [file] = (tmp_path / "cache").glob("*/index")
        made = file.stat()
        # Whatever can flip: no blob may be believed to be there that is not.
        whole = bytearray(file.read_bytes())
        for at in range(0, len(whole), 1999):
            whole[at] ^= 1
        file.chmod(0o600)
        file.write_bytes(whole)
        # So that all is read again.
        for path in small_tree.rglob("*.dat"):
            os.utime(path)
        again = summary(*words, env=env)
    assert (first["state"], again["state"]) == ("SUCCEEDED", "SUCCEEDED")
    assert again["unread_files_count"] == 0 and again["added_bytes"] < first["added_bytes"] / 10
    assert file.stat().st_ino != made.st_ino
    sluicegate("restore", "latest", "--repo", repository, "--to", tmp_path / "restored", env=env)
    restored = describe(tmp_path / "restored" / small_tree.relative_to("/"))
    assert differences(describe(small_tree), restored) == []
    assert len(restic(repository, "list", "snapshots").split()) == 2
