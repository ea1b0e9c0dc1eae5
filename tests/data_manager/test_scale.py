"""A share of `python -m bench.scale` that fits into every run of the tests."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNS = 200


@dataclass
class Line:
    """What the bench says of one number of slices."""

    slices: float
    file_mib: float
    fill_seconds: float
    read_seconds: float
    first_seconds: float
    taken: float
    put_back: float
    done: float
    cpu_us: float
    mib: float


def measured(tmp_path: Path, *slices: int) -> list[Line]:
    arguments = [*slices, "--runs", RUNS, "--seconds", 3, "--scratch", tmp_path]
    done = subprocess.run(
        [sys.executable, "-m", "bench.scale", *map(str, arguments)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=120, check=True,
    )  # fmt: skip
    _, *lines = done.stdout.splitlines()
    return [Line(*(float(word.replace(",", "")) for word in line.split())) for line in lines]


@pytest.mark.slow
def test_two_hundred_thousand_slices_cost_no_more_than_twenty_thousand(tmp_path: Path):
    """Each: they lie in the database, and no step looks at all. By cpu, as tests run beside."""
    few, many = measured(tmp_path, 20_000, 200_000)
    assert many.mib < 200
    assert many.put_back > 0
    assert many.cpu_us < 2 * few.cpu_us
    assert many.read_seconds < 5
