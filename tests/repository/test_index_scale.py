"""A share of `python -m bench.index` that fits into every run of the tests."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOBS = 200_000


@pytest.mark.slow
def test_two_hundred_thousand_blobs_are_opened_at_once_and_without_memory(tmp_path: Path):
    """Ten million: made within a minute, opened within a second, in 64 MiB of a session's own."""
    ran = subprocess.run(
        [sys.executable, "-m", "bench.index", str(BLOBS), "--in-memory", "--scratch", tmp_path],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=120, check=True,
    )  # fmt: skip
    _, *lines = ran.stdout.splitlines()
    in_file, in_memory = ([float(x.replace(",", "")) for x in line.split()] for line in lines)
    _, _, file_mib, made_seconds, peak_mib, open_seconds, own_mib, more_mib, *_ = in_file
    assert 0 < file_mib < 8
    assert made_seconds < 20
    assert peak_mib < 256
    assert open_seconds < 1
    assert own_mib < 64
    # The file is 50 times this at ten million, and what a session has of it grows with it.
    assert more_mib < 1
    assert in_memory[7] > 5 * more_mib
