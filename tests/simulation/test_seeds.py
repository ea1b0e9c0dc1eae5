"""A seed fixes everything, and what breaks can be seen again."""

import io
import json
import os
import subprocess
import sys

from sluicegate.simulation.ranges import broken, judged
from sluicegate.simulation.seeds import run_seed

HASH = """
from sluicegate.simulation.seeds import run_seed
print(*(run_seed(seed).hash for seed in range(40)))
"""


def test_two_runs_of_a_seed_have_the_same_trace():
    for seed in range(100, 130):
        assert run_seed(seed).hash == run_seed(seed).hash


def test_keeping_the_lines_changes_nothing():
    kept = run_seed(11, keep_trace=True)
    assert kept.lines and kept.hash == run_seed(11).hash


def test_no_order_of_sets_or_hashes_decides():
    traces = [
        subprocess.run(
            [sys.executable, "-c", HASH],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in (1, 2)
    ]
    assert traces[0] == traces[1]


def test_seeds_differ():
    assert len({run_seed(seed).hash for seed in range(20)}) == 20


def test_other_processes_come_to_the_same_verdicts():
    here = {seed: run_seed(seed).hash for seed in range(30)}
    there = {verdict.seed: verdict.hash for verdict in judged(range(30), 2)}
    assert here == there


def test_what_breaks_is_kept_and_says_how_to_see_it_again(tmp_path, break_seeds):
    out, keep = io.StringIO(), tmp_path / "found.jsonl"
    with break_seeds:
        found = broken(range(20), 1, keep, out)
    assert found
    kept = [json.loads(line) for line in keep.read_text().splitlines()]
    assert [row["seed"] for row in kept] == [verdict.seed for verdict in found]
    assert f"--seeds {found[0].seed} --trace" in out.getvalue()
