"""Which snapshots a policy keeps, and why: pure, decided as restic decides.

Hours, days and longer are those of the zone that each snapshot was made in.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from container_agent.repository.snapshots import Snapshot
from container_agent.repository.times import DAYS_OF_400_YEARS, SECOND_NS

DAY_SECONDS = 86_400
HOUR_SECONDS = 3_600
EPOCH = date(1970, 1, 1)
# The snapshots of a backup that is not over yet, which keep its blobs from being removed.
CHECKPOINT = "checkpoint"


@dataclass(frozen=True)
class Duration:
    """A time as the calendar has it: months have as many days as they have."""

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0

    def __str__(self) -> str:
        parts = ((self.years, "y"), (self.months, "m"), (self.days, "d"), (self.hours, "h"))
        return "".join(f"{count}{unit}" for count, unit in parts if count)

    def __bool__(self) -> bool:
        return self != Duration()


@dataclass(frozen=True)
class Policy:
    """What is kept: the last so many, the last one of each of so many hours, days …, what is newer
    than `within` before the newest, of what is newer than `within_hourly` … before it the last one
    of each hour …, and what has all tags of one of the lists."""

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within: Duration = Duration()
    within_hourly: Duration = Duration()
    within_daily: Duration = Duration()
    within_weekly: Duration = Duration()
    within_monthly: Duration = Duration()
    within_yearly: Duration = Duration()
    tags: tuple[tuple[str, ...], ...] = ()

    def __bool__(self) -> bool:
        return self != Policy()


@dataclass(frozen=True)
class Verdict:
    """What becomes of a snapshot: it is kept for reasons, in restic's words; or removed."""

    snapshot: Snapshot
    reasons: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether it stays."""
        return bool(self.reasons)


class Moment(NamedTuple):
    """A time in its zone, by the calendar."""

    year: int
    month: int
    day: int
    hour: int
    week_year: int
    week: int


Mark = tuple[int, ...]
# By the names of a policy's counts, in restic's order: what two snapshots share of which one stays.
MARKS: dict[str, Callable[[Moment], Mark]] = {
    "hourly": lambda at: at[:4],
    "daily": lambda at: at[:3],
    "weekly": lambda at: (at.week_year, at.week),
    "monthly": lambda at: at[:2],
    "yearly": lambda at: at[:1],
}


def decide(snapshots: Iterable[Snapshot], policy: Policy, now_ns: int) -> list[Verdict]:
    """What becomes of each snapshot of one group, the newest first.

    `within` counts from the newest that is not in the future. Deciding again over what was kept,
    and any of what was not, keeps the same: so who was interrupted may begin anew.
    """
    found = sorted(snapshots, key=lambda each: (-each.time_ns, each.snapshot_id))
    newest = next((each for each in found if each.time_ns < now_ns), None)
    within = Rule(f"within {policy.within}", begin_ns=_begin(newest, policy.within))
    rules = {"last": Rule("last snapshot", policy.last)}
    rules |= {name: Rule(f"{name} snapshot", getattr(policy, name)) for name in MARKS}
    since = {name: getattr(policy, f"within_{name}") for name in MARKS}
    later = {
        name: Rule(f"{name} within {back}", begin_ns=_begin(newest, back))
        for name, back in since.items()
        if back
    }
    verdicts = []
    for number, snapshot in enumerate(found):
        reasons = [f"has tags [{', '.join(t)}]" for t in policy.tags if has_tags(snapshot, t)]
        at = moment(snapshot)
        marks = {"last": (number,)} | {name: mark(at) for name, mark in MARKS.items()}
        asked: list[tuple[Rule, Mark]] = [(within, (number,))] if policy.within else []
        asked += [(rule, marks[name]) for name, rule in (*rules.items(), *later.items())]
        reasons += [rule.reason for rule, mark in asked if rule.takes(snapshot, mark)]
        verdicts.append(Verdict(snapshot, tuple(reasons)))
    return verdicts


class Rule:
    """One of a policy's rules: takes the first snapshot of each mark, while there are some left if
    they are counted, and if it was made after a time."""

    def __init__(self, reason: str, left: int = -1, begin_ns: int | None = None) -> None:
        self.reason = reason
        self._left = left
        self._begin_ns = begin_ns
        self._mark: Mark | None = None

    def takes(self, snapshot: Snapshot, mark: Mark) -> bool:
        """Takes it, or not. Asked of all snapshots, the newest first."""
        late = self._begin_ns is None or snapshot.time_ns > self._begin_ns
        if not self._left or not late or mark == self._mark:
            return False
        self._left -= 1
        self._mark = mark
        return True


def _begin(newest: Snapshot | None, back: Duration) -> int | None:
    """When what is kept begins; None when all are in the future."""
    return before(newest, back) if newest else None


def has_tags(snapshot: Snapshot, tags: Sequence[str]) -> bool:
    """Whether it has all of these tags; an empty one is for those that have none."""
    return all(tag in snapshot.tags or (not tag and not snapshot.tags) for tag in tags)


def is_checkpoint(snapshot: Snapshot) -> bool:
    """Whether it keeps the blobs of a backup that goes on. No policy counts or removes it."""
    running = any(tag.startswith("backup=") for tag in snapshot.tags)
    return running and has_tags(snapshot, ("sluicegate", CHECKPOINT))


def moment(snapshot: Snapshot) -> Moment:
    """When a snapshot was made, in its zone. Years may be any, as the calendar comes again every
    400."""
    day, second = divmod(_local_seconds(snapshot), DAY_SECONDS)
    cycles, day = divmod(day, DAYS_OF_400_YEARS)
    on = EPOCH + timedelta(days=day)
    week_year, week, _ = on.isocalendar()
    years = 400 * cycles
    return Moment(
        on.year + years, on.month, on.day, second // HOUR_SECONDS, week_year + years, week
    )


def before(snapshot: Snapshot, duration: Duration) -> int:
    """The time so long before a snapshot, in nanoseconds since 1970. A day that a month does not
    have is so many days after its last."""
    at = moment(snapshot)
    months = (at.year - duration.years) * 12 + at.month - 1 - duration.months
    cycles, month = divmod(months - EPOCH.year * 12, 400 * 12)
    first = date(EPOCH.year + month // 12, month % 12 + 1, 1)
    day = (first - EPOCH).days + cycles * DAYS_OF_400_YEARS + at.day - 1 - duration.days
    second = _local_seconds(snapshot) % DAY_SECONDS - duration.hours * HOUR_SECONDS
    second += day * DAY_SECONDS - _zone_seconds(snapshot)
    return second * SECOND_NS + snapshot.time_ns % SECOND_NS


def _local_seconds(snapshot: Snapshot) -> int:
    return snapshot.time_ns // SECOND_NS + _zone_seconds(snapshot)


def _zone_seconds(snapshot: Snapshot) -> int:
    return (snapshot.zone_minutes or 0) * 60
