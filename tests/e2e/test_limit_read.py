"""A backup that reads no faster than it may."""

from pathlib import Path

import pytest

from commands import check_repository, sluicegate, summary
from trees import write_file

FILES = 32
FILE_BYTES = 1 << 20
LIMIT_BYTES = 8 << 20


@pytest.mark.slow
@pytest.mark.parametrize("streams", [1, 4])
def test_all_streams_together_read_no_more_than_the_limit(tmp_path: Path, streams: int):
    asset, repository = tmp_path / "asset", tmp_path / "repository"
    asset.mkdir()
    for number in range(FILES):
        write_file(bytes(asset / f"{number}"), FILE_BYTES, number)
    sluicegate("init", "--repo", repository)
    told = summary(
        "backup", asset, "--repo", repository, "--streams", streams, "--limit-read", "8MiB",
        "--slice-bytes", "1MiB",
    )  # fmt: skip
    least = FILES * FILE_BYTES / LIMIT_BYTES
    assert told["read_bytes"] == FILES * FILE_BYTES
    # The first bytes are read before anything is waited for.
    assert least * 0.95 < told["seconds"] < least * 2 + 5
    check_repository(repository)


def test_a_limit_that_would_never_end_is_refused(tmp_path: Path):
    done = sluicegate("backup", tmp_path, "--repo", tmp_path, "--limit-read", "1K", code=2)
    assert "less than" in done.stderr
