"""What a policy keeps, as the specification has it; restic is asked in test_forget_oracle.py."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from container_agent.repository.forget_policy import Duration, Policy, before, decide, moment
from container_agent.repository.forgetting import (
    Filter,
    Group,
    KeepsNothing,
    judge,
    refuse_nothing_kept,
)
from container_agent.repository.snapshots import Snapshot

SECOND_NS = 10**9
NOW_NS = 1_800_000_000 * SECOND_NS
EVER_NS = 10**6 * 366 * 86_400 * SECOND_NS


def snapshot(time_ns: int, tags: tuple[str, ...] = (), host: str = "here") -> Snapshot:
    name = (abs(time_ns) * 2 + (time_ns < 0)).to_bytes(32, "big")
    return Snapshot(time_ns, bytes(32), ("/a",), host, tags=tags, snapshot_id=name)


def at(text: str) -> Snapshot:
    """A snapshot of a time as people write it, with the zone."""
    when = datetime.fromisoformat(text)
    zone = when.utcoffset() or timedelta()
    made = snapshot(int(when.timestamp()) * SECOND_NS)
    return Snapshot(**vars(made) | {"zone_minutes": zone // timedelta(minutes=1)})


policies = st.builds(
    Policy,
    **{name: st.integers(0, 4) for name in ("last", "hourly", "daily", "weekly", "monthly")},
    within=st.builds(Duration, hours=st.integers(0, 50), days=st.integers(0, 40)),
    within_daily=st.builds(Duration, days=st.integers(0, 40)),
    tags=st.sampled_from([(), (("kept",),)]),
)
histories = st.lists(
    st.tuples(st.integers(-90 * 86_400, 86_400), st.sampled_from([(), ("kept",)])),
    min_size=1,
    max_size=40,
    unique_by=lambda made: made[0],
).map(lambda made: [snapshot(NOW_NS + second * SECOND_NS, tags) for second, tags in made])


@given(histories, policies, st.data())
def test_deciding_again_after_a_death_halfway_keeps_the_same(history, policy, data):
    kept = [v.snapshot for v in decide(history, policy, NOW_NS) if v.kept]
    left = [each for each in history if each in kept or data.draw(st.booleans())]
    again = [v.snapshot for v in decide(left, policy, NOW_NS) if v.kept]
    assert again == kept


@given(histories, policies)
def test_more_of_a_policy_never_keeps_less(history, policy):
    more = Policy(**vars(policy) | {"last": policy.last + 1, "daily": policy.daily + 2})
    kept = {v.snapshot for v in decide(history, policy, NOW_NS) if v.kept}
    assert kept <= {v.snapshot for v in decide(history, more, NOW_NS) if v.kept}


@given(histories, policies)
def test_checkpoints_are_neither_removed_nor_counted(history, policy):
    running = [
        snapshot(NOW_NS + 7 + number, ("sluicegate", "backup=1", "checkpoint"))
        for number in range(3)
    ]
    without = judge(history, policy, Filter(), Group(), NOW_NS)
    assert judge(history + running, policy, Filter(), Group(), NOW_NS) == without


def test_someone_elses_tag_of_that_name_is_a_tag_like_others():
    verdicts = decide([snapshot(2), snapshot(1, ("checkpoint",))], Policy(last=1), NOW_NS)
    [group] = judge([v.snapshot for v in verdicts], Policy(last=1), Filter(), Group(), NOW_NS)
    assert [verdict.kept for verdict in group] == [True, False]


@given(st.integers(-EVER_NS, EVER_NS))
def test_the_calendar_holds_for_all_years(time_ns):
    found = moment(snapshot(time_ns))
    cycles = found.year // 400
    when = datetime(found.year - 400 * cycles + 400, *found[1:4], tzinfo=UTC)
    hours = (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(hours=1)
    hours += (cycles - 1) * 146_097 * 24
    assert hours == time_ns // SECOND_NS // 3600
    assert (found.week_year - 400 * cycles + 400, found.week) == when.isocalendar()[:2]


@pytest.mark.parametrize(
    ("newest", "duration", "begin"),
    [
        ("2026-03-31T12:00:00+00:00", Duration(months=1), "2026-03-03T12:00:00+00:00"),
        ("2024-02-29T12:00:00+00:00", Duration(years=1), "2023-03-01T12:00:00+00:00"),
        ("2026-01-02T01:00:00+05:30", Duration(days=3, hours=2), "2025-12-29T23:00:00+05:30"),
        ("2026-11-26T00:00:00-03:00", Duration(1, 11, 26, 1), "2024-11-29T23:00:00-03:00"),
    ],
)
def test_within_goes_back_by_the_calendar(newest, duration, begin):
    assert (
        before(at(newest), duration) == int(datetime.fromisoformat(begin).timestamp()) * SECOND_NS
    )


def test_days_are_those_of_the_zone_a_snapshot_was_made_in():
    made = [at("2026-05-02T00:30:00+02:00"), at("2026-05-01T23:30:00+02:00")]
    assert [v.kept for v in decide(made, Policy(daily=2), NOW_NS)] == [True, True]
    east = timezone(timedelta(hours=2))
    utc = [at(f"{datetime.fromtimestamp(s.time_ns / 1e9, UTC)}") for s in made]
    assert [moment(s).day for s in utc] == [1, 1] != [moment(s).day for s in made]
    assert datetime.fromtimestamp(made[0].time_ns / 1e9, east).day == moment(made[0]).day
    assert [v.kept for v in decide(utc, Policy(daily=2), NOW_NS)] == [True, False]


def test_a_snapshot_of_the_future_is_not_what_within_counts_from():
    future, last, old = NOW_NS + 10**6 * SECOND_NS, NOW_NS - SECOND_NS, NOW_NS - 10**6 * SECOND_NS
    verdicts = decide(map(snapshot, (future, last, old)), Policy(within=Duration(hours=2)), NOW_NS)
    assert [verdict.reasons for verdict in verdicts] == [("within 2h",), ("within 2h",), ()]


def test_t24_a_policy_that_keeps_nothing_of_a_group_is_refused():
    history = [snapshot(1), snapshot(2), snapshot(3, ("kept",), "there")]
    groups = judge(history, Policy(tags=(("kept",),)), Filter(), Group(), NOW_NS)
    with pytest.raises(KeepsNothing, match="no snapshot of here:/a, of which there are 2"):
        refuse_nothing_kept(groups)
    refuse_nothing_kept(judge(history, Policy(last=1), Filter(), Group(), NOW_NS))


def test_t24_a_thousand_junk_backups_push_out_nothing_that_is_kept_by_time():
    originals = [snapshot(NOW_NS - day * 86_400 * SECOND_NS) for day in range(1, 30)]
    junk = [snapshot(NOW_NS + second * SECOND_NS, ("junk",)) for second in range(-1000, 1000)]
    policy = Policy(last=3, daily=3, within=Duration(days=30))
    kept = {v.snapshot for v in decide(originals + junk, policy, NOW_NS) if v.kept}
    assert kept >= set(originals)
