"""Sessions in containers share one index file a host, where the host's agent names a cache."""

from pathlib import Path

import pytest

from docker_deployment import deployed, finished
from engines import Host
from indexes import name_in_index, some_packs
from trees import make_small_files

FILES = 400
INDEXES = 6


@pytest.mark.slow
def test_sessions_of_a_host_share_the_index_and_another_has_none(tmp_path: Path, both: list[Host]):
    (tmp_path / "asset").mkdir()
    make_small_files(bytes(tmp_path / "asset"), FILES, seed=1)
    cache = tmp_path / "cache"
    with deployed(tmp_path, both, host_options={"a": ("--cache-directory", cache)}) as made:
        made.init()
        for seed in range(INDEXES):
            name_in_index(made.repository, some_packs(seed, packs=10, blobs=2_000))
        results = []
        for _ in range(2):
            options = ("--method", "per-slice", "--streams", 4, "--slice-bytes", "256KiB")
            with made.backup(*options) as backup:
                results.append(finished(backup))
    assert [result["state"] for result in results] == ["SUCCEEDED"] * 2
    assert results[0]["files"] == FILES
    [file] = cache.glob("*/index")
    assert file.stat().st_size > 32 * INDEXES * 20_000
    assert list(cache.glob("*/*.new")) == []
