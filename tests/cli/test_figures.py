"""The figures of a run that goes."""

import pytest

from sluicegate.cli.client import Standing
from sluicegate.cli.figures import Pace
from sluicegate.cli.reporting import first_line, second_line
from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1 import outcome_pb2

MIB = 1 << 20


def seen(mib: int, **fields: object) -> Standing:
    counts = outcome_pb2.Counts(seen_bytes=mib * MIB, read_bytes=mib * MIB // 2, files=mib)
    return Standing(pb.RunStatus(state=pb.RUN_STATE_RUNNING, counts=counts, **fields))


def test_the_rate_is_that_of_the_last_seconds():
    pace = Pace()
    pace.figures(seen(0), 100.0)
    assert pace.figures(seen(1000), 110.0).bytes_per_second == 100 * MIB
    assert pace.figures(seen(1000), 140.0).bytes_per_second == 0


def test_the_time_before_anything_was_done_does_not_count():
    pace = Pace()
    for now in range(10):
        pace.figures(seen(0), float(now))
    assert pace.figures(seen(100), 10.0).bytes_per_second == 100 * MIB


def test_time_left_is_told_once_all_is_known():
    pace = Pace()
    pace.figures(seen(0), 0.0)
    unknown = pace.figures(seen(50, total_bytes=100 * MIB), 1.0)
    assert unknown.seconds_left is None
    assert unknown.share is None
    known = pace.figures(seen(50, total_bytes=100 * MIB, crawled=True), 1.0)
    assert known.seconds_left == pytest.approx(1.0)
    assert known.share == 0.5


def test_a_large_file_counts_while_it_is_read():
    counts = outcome_pb2.Counts(seen_bytes=2 * MIB, read_bytes=7 * MIB)
    assert Pace().figures(Standing(pb.RunStatus(counts=counts)), 0.0).done_bytes == 7 * MIB


def test_the_lines_fit_a_terminal():
    pace = Pace()
    slices = pb.SliceCounts(queued=5, running=4, done=12)
    pace.figures(seen(0), 0.0)
    found = pace.figures(
        seen(512, total_bytes=2048 * MIB, crawled=True, slices=slices, streams=4), 2.0
    )
    assert first_line(found) == " 25% of 2.0 GiB, 256 MiB/s, 6.0 s left"
    assert second_line(found) == "512 files, 12/21 slices, 4 streams, 2.0 s"


def test_before_the_crawl_is_over_it_says_what_it_knows():
    found = Pace().figures(seen(1, total_bytes=3 * MIB), 0.0)
    assert first_line(found) == "1.0 MiB of 3.0 MiB found so far, 0 B/s"
