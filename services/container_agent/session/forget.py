"""Forget: judges snapshots, says what becomes of each and why, and removes what is not kept."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from container_agent.repository.errors import SnapshotUnknown
from container_agent.repository.forget_policy import Duration, Policy, Verdict
from container_agent.repository.forgetting import Filter, Group, judge, refuse_nothing_kept
from container_agent.repository.repository import Repository
from container_agent.repository.snapshots import Snapshot, choose
from container_agent.session.tally import Tally
from sluicegate.v1 import maintenance_pb2

# As the contract bounds them: what a stranger wrote into a snapshot may be of any size.
LISTED_MAX = 20
PATH_LENGTH = 4096
NAME_LENGTH = 1000
TIME_NS_MOST = 2**63 - 1

Told = Callable[[Iterable[maintenance_pb2.Verdict]], None]


def forget(
    work: maintenance_pb2.ForgetWork,
    repository: Repository,
    told: Told,
    tally: Tally,
    *,
    again: bool = False,
) -> None:
    """Removes snapshots, all told before. Done again, it goes on where it was interrupted, and what
    is named and not there was removed then.

    A dry run holds no lock, as it changes nothing. RepositoryLocked while others hold the
    repository, KeepsNothing before anything is removed.
    """
    if work.dry_run:
        told(messages(judged(work, repository, again)))
        return
    if work.snapshots:
        # A name that means nothing is told of at once, whoever holds the repository.
        named(work.snapshots, repository.snapshots(), again)
    with repository.exclusive_lock():
        groups = judged(work, repository, again)
        if not work.snapshots and not work.allow_none:
            refuse_nothing_kept(groups)
        told(messages(groups))
        removed = [v.snapshot for verdicts in groups for v in verdicts if not v.kept]
        for number, snapshot in enumerate(removed):
            tally.check()
            tally.told = f"{number:,} of {len(removed):,} snapshots removed"
            repository.remove_snapshot(snapshot.snapshot_id)
        tally.told = ""


def judged(
    work: maintenance_pb2.ForgetWork, repository: Repository, again: bool
) -> list[list[Verdict]]:
    """What becomes of each snapshot that it is about, by groups."""
    snapshots = repository.snapshots()
    if work.snapshots:
        return [[Verdict(snapshot) for snapshot in named(work.snapshots, snapshots, again)]]
    group = Group()
    if work.HasField("grouping"):
        group = Group(work.grouping.host, work.grouping.paths, work.grouping.tags)
    chosen = Filter(tuple(work.filter.hosts), _lists(work.filter.tags), tuple(work.filter.paths))
    policy = policy_of(work.policy)
    if not policy:
        raise ValueError("a forget without a policy and without names")
    return judge(snapshots, policy, chosen, group, time.time_ns())


def named(names: Iterable[str], snapshots: list[Snapshot], again: bool) -> list[Snapshot]:
    """The snapshots of these names, each once. SnapshotUnknown, unless it is done again."""
    found = {}
    for name in names:
        try:
            snapshot = choose(snapshots, name)
        except SnapshotUnknown:
            if not again:
                raise
        else:
            found[snapshot.snapshot_id] = snapshot
    return list(found.values())


def policy_of(message: maintenance_pb2.RetentionPolicy) -> Policy:
    """A policy as it is decided by."""
    return Policy(
        last=message.keep_last,
        hourly=message.keep_hourly,
        daily=message.keep_daily,
        weekly=message.keep_weekly,
        monthly=message.keep_monthly,
        yearly=message.keep_yearly,
        within=_duration(message.keep_within),
        within_hourly=_duration(message.keep_within_hourly),
        within_daily=_duration(message.keep_within_daily),
        within_weekly=_duration(message.keep_within_weekly),
        within_monthly=_duration(message.keep_within_monthly),
        within_yearly=_duration(message.keep_within_yearly),
        tags=_lists(message.keep_tags),
    )


def _duration(message: maintenance_pb2.CalendarDuration) -> Duration:
    return Duration(message.years, message.months, message.days, message.hours)


def messages(groups: Sequence[Sequence[Verdict]]) -> Iterator[maintenance_pb2.Verdict]:
    """Verdicts as they travel."""
    for number, verdicts in enumerate(groups):
        for verdict in verdicts:
            snapshot = verdict.snapshot
            yield maintenance_pb2.Verdict(
                snapshot_id=snapshot.snapshot_id,
                time_ns=max(-TIME_NS_MOST, min(snapshot.time_ns, TIME_NS_MOST)),
                zone_minutes=snapshot.zone_minutes or 0,
                hostname=_text(snapshot.hostname, NAME_LENGTH),
                paths=[_text(path, PATH_LENGTH) for path in snapshot.paths[:LISTED_MAX]],
                tags=[_text(tag, NAME_LENGTH) for tag in snapshot.tags[:LISTED_MAX]],
                reasons=[_text(why, PATH_LENGTH) for why in verdict.reasons[:LISTED_MAX]],
                group=number,
            )


def _lists(lists: Iterable[maintenance_pb2.TagList]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(each.tags) for each in lists)


def _text(text: object, length: int) -> str:
    """Text as messages may hold it, so many bytes: JSON may have halves of characters."""
    return str(text).encode("utf-8", "replace")[:length].decode("utf-8", "ignore")
