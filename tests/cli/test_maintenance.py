"""Maintenances, as the command asks for them and tells of them."""

import json

import pytest

from cli.test_runs import DONE, run
from sluicegate.cli.client import Standing
from sluicegate.cli.figures import Pace
from sluicegate.cli.reporting import first_line, progress_object
from sluicegate.cli.sizes import parse_calendar
from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1 import maintenance_pb2, outcome_pb2

HOUR_NS = 3_600 * 10**9
VERDICTS = [
    maintenance_pb2.Verdict(
        snapshot_id=b"\xaa" * 32, hostname="nas", paths=["/a\x1b"], time_ns=HOUR_NS
    ),
    maintenance_pb2.Verdict(
        snapshot_id=b"\xbb" * 32,
        hostname="nas",
        paths=["/a\x1b"],
        time_ns=2 * HOUR_NS,
        zone_minutes=90,
        reasons=["last snapshot", "daily snapshot"],
    ),
    maintenance_pb2.Verdict(snapshot_id=b"\xcc" * 32, hostname="pc", paths=["/b"], group=1),
]


async def test_a_policy_is_asked_for_in_restics_words(data_manager):
    data_manager.runs.will_show(DONE)
    words = ("forget", "--repo", "/r", "--server", data_manager.address, "-l", "1", "-H", "2")
    words += ("-d", "3", "-w", "4", "-m", "5", "-y", "6", "--keep-within", "1y2m3d4h")
    words += ("--keep-tag", "a, b", "--keep-tag", "", "--host", "h", "--tag", "t", "--path", "/p/")
    for days, unit in enumerate(("hourly", "daily", "weekly", "monthly", "yearly"), 1):
        words += (f"--keep-within-{unit}", f"{days}d")
    code, _, _ = await run(*words, "--group-by", "tags,host", "--unsafe-allow-remove-all")
    assert code == 0
    [request] = data_manager.runs.asked
    assert request.work.forget == maintenance_pb2.ForgetWork(
        policy=maintenance_pb2.RetentionPolicy(
            keep_last=1, keep_hourly=2, keep_daily=3, keep_weekly=4, keep_monthly=5, keep_yearly=6,
            keep_within=maintenance_pb2.CalendarDuration(years=1, months=2, days=3, hours=4),
            keep_within_hourly=maintenance_pb2.CalendarDuration(days=1),
            keep_within_daily=maintenance_pb2.CalendarDuration(days=2),
            keep_within_weekly=maintenance_pb2.CalendarDuration(days=3),
            keep_within_monthly=maintenance_pb2.CalendarDuration(days=4),
            keep_within_yearly=maintenance_pb2.CalendarDuration(days=5),
            keep_tags=[
                maintenance_pb2.TagList(tags=["a", "b"]), maintenance_pb2.TagList(tags=[""])
            ],
        ),
        filter=maintenance_pb2.SnapshotFilter(
            hosts=["h"], tags=[maintenance_pb2.TagList(tags=["t"])], paths=["/p"]
        ),
        grouping=maintenance_pb2.SnapshotGrouping(host=True, tags=True),
        allow_none=True,
    )  # fmt: skip


async def test_every_snapshot_is_told_of_and_why_it_stays(data_manager):
    data_manager.runs.verdicts = VERDICTS
    data_manager.runs.will_show(DONE)
    words = ("forget", "--repo", "/r", "--server", data_manager.address, "--keep-last", "1")
    code, out, _ = await run(*words)
    assert code == 0
    assert out.splitlines()[:-1] == [
        "nas: /a\\x1b",
        "  keep    bbbbbbbb  1970-01-01 03:30:00  last snapshot, daily snapshot",
        "  remove  aaaaaaaa  1970-01-01 01:00:00",
        "pc: /b",
        "  remove  cccccccc  1970-01-01 00:00:00",
        "kept       1 snapshot",
        "removed    2 snapshots",
    ]
    data_manager.runs.will_show(DONE)
    _, out, _ = await run(*words, "--dry-run")
    assert "would keep 1 snapshot and remove 2 snapshots; nothing was removed" in out


async def test_a_program_is_told_the_same(data_manager):
    data_manager.runs.verdicts = VERDICTS
    data_manager.runs.will_show(DONE)
    words = ("forget", "--repo", "/r", "--server", data_manager.address, "-n", "--json", "abcd")
    code, out, _ = await run(*words)
    assert code == 0
    [request] = data_manager.runs.asked
    assert request.work.forget.snapshots == ["abcd"]
    _, *told, last = map(json.loads, out.splitlines())
    assert [(each["snapshot_id"][:2], each["keep"]) for each in told] == [
        ("bb", True), ("aa", False), ("cc", False),
    ]  # fmt: skip
    assert told[0]["time"] == "1970-01-01T03:30:00+01:30"
    assert (last["kept"], last["removed"], last["dry_run"]) == (1, 2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say what is kept, such as --keep-daily 7"),
        (["--keep-daily", "0"], "say what is kept"),
        (["--keep-within", "7"], "write it as 1y6m, 7d or 36h"),
        (["--keep-within", "0d"], "7d or 36h"),
        (["--keep-last", "1", "--group-by", "user"], "user: snapshots are grouped by host"),
        (["xyz"], "four digits of its id"),
        (["latest"], "four digits of its id"),
        (["xyzw", "--max-unused", "lots"], "write it as 5%, 10G or unlimited"),
    ],
)
async def test_what_means_nothing_is_a_usage_error(words, said):
    code, _, told = await run("forget", "--repo", "/r", "--server", "unix:/none", *words)
    assert code == 2
    assert said in told


def test_times_by_the_calendar():
    assert parse_calendar("36h") == (0, 0, 0, 36)
    assert parse_calendar("2d1y") == (1, 0, 2, 0)
    for wrong in ("", "1", "d", "1d1d", "1.5d", "-1d", "1 d", "1w", "0h"):
        with pytest.raises(ValueError, match="calendar"):
            parse_calendar(wrong)


async def test_a_prune_and_a_check_are_asked_for_and_tell_what_they_came_to(data_manager):
    for words, work, name in (
        (("prune", "--max-unused", "10G"), {"prune": {"max_unused": "10G"}}, "prune"),
        (("check", "--read-data"), {"check": {"read_data": True}}, "check"),
        (("forget", "abcd", "--prune", "--max-unused", "5%"), None, "prune"),
    ):
        data_manager.runs.asked.clear()
        data_manager.runs.will_show(
            pb.RunStatus(state=pb.RUN_STATE_SUCCEEDED, message="it came to this")
        )
        code, out, _ = await run(*words, "--repo", "/r", "--server", data_manager.address)
        assert code == 0
        assert f"{name:<10} it came to this" in out
        [request] = data_manager.runs.asked
        if work is not None:
            assert request.work == maintenance_pb2.MaintainWork(**work)
        else:
            assert request.work.forget.prune.max_unused == "5%"


def test_how_far_it_is_is_shown_instead_of_figures_that_say_nothing():
    running = pb.RunStatus(state=pb.RUN_STATE_RUNNING, message="12.50% 3 / 24 packs")
    figures = Pace().figures(Standing(running), 0.0)
    assert first_line(figures) == "12.50% 3 / 24 packs"
    assert progress_object(figures)["told"] == "12.50% 3 / 24 packs"
    running.failure = outcome_pb2.FAILURE_REASON_REPOSITORY_DAMAGED
    assert "looking" in first_line(Pace().figures(Standing(running), 0.0)), "damage is told later"
