"""Maintenances, as the command makes them and tells of them."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from itertools import groupby
from typing import Any

from sluicegate.cli.choices import Calendar, Retention
from sluicegate.cli.client import MaintenanceRun, Standing
from sluicegate.cli.runs import Place, conduct, new_id
from sluicegate.cli.summary import row, summary_object, time_row
from sluicegate.rpc.text import printable
from sluicegate.v1 import maintenance_pb2

SECOND_NS = 10**9
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def forget(
    place: Place, location: str, forget: maintenance_pb2.ForgetWork, *, as_json: bool
) -> None:
    """Removes snapshots by name, or those that a policy does not keep."""
    run = MaintenanceRun(new_id(), location, maintenance_pb2.MaintainWork(forget=forget))
    conduct(run, place, forget_lines, forget_objects, as_json=as_json)


def prune(place: Place, location: str, max_unused: str, *, as_json: bool) -> None:
    """Removes the data that no snapshot refers to."""
    work = maintenance_pb2.MaintainWork(prune=maintenance_pb2.PruneWork(max_unused=max_unused))
    conduct(MaintenanceRun(new_id(), location, work), place, prune_lines, as_json=as_json)


def check(place: Place, location: str, read_data: bool, *, as_json: bool) -> None:
    """Checks a repository by the stock restic."""
    work = maintenance_pb2.MaintainWork(check=maintenance_pb2.CheckWork(read_data=read_data))
    conduct(MaintenanceRun(new_id(), location, work), place, check_lines, as_json=as_json)


def forget_work(
    snapshots: tuple[str, ...], chosen: Retention, prune_unused: str | None
) -> maintenance_pb2.ForgetWork:
    """A user's choices as the data manager takes them. With a limit, also if that is empty, it
    prunes then."""
    prune = maintenance_pb2.PruneWork(max_unused=prune_unused or "")
    return maintenance_pb2.ForgetWork(
        snapshots=snapshots,
        policy=maintenance_pb2.RetentionPolicy(
            keep_last=chosen.last,
            keep_hourly=chosen.hourly,
            keep_daily=chosen.daily,
            keep_weekly=chosen.weekly,
            keep_monthly=chosen.monthly,
            keep_yearly=chosen.yearly,
            keep_within=_calendar(chosen.within),
            keep_within_hourly=_calendar(chosen.within_hourly),
            keep_within_daily=_calendar(chosen.within_daily),
            keep_within_weekly=_calendar(chosen.within_weekly),
            keep_within_monthly=_calendar(chosen.within_monthly),
            keep_within_yearly=_calendar(chosen.within_yearly),
            keep_tags=_lists(chosen.keep_tags),
        ),
        filter=maintenance_pb2.SnapshotFilter(
            hosts=map(_text, chosen.hosts),
            tags=_lists(chosen.tags),
            paths=map(_text, chosen.paths),
        ),
        grouping=maintenance_pb2.SnapshotGrouping(**dict.fromkeys(chosen.group_by, True)),
        dry_run=chosen.dry_run,
        allow_none=chosen.allow_none,
        prune=None if prune_unused is None else prune,
    )


def _calendar(chosen: Calendar) -> maintenance_pb2.CalendarDuration | None:
    return maintenance_pb2.CalendarDuration(**chosen._asdict()) if any(chosen) else None


def _lists(lists: Iterable[tuple[str, ...]]) -> list[maintenance_pb2.TagList]:
    return [maintenance_pb2.TagList(tags=map(_text, tags)) for tags in lists]


def _text(word: str) -> str:
    """A word of the command line as snapshots have it: bytes that are no UTF-8 are replaced."""
    return os.fsencode(word).decode("utf-8", "replace")


def forget_lines(standing: Standing) -> list[str]:
    """What a person wants to know about a forget: each snapshot, and why it stays."""
    lines: list[str] = []
    for _, group in groupby(_in_order(standing), key=lambda verdict: verdict.group):
        verdicts = list(group)
        first = verdicts[0]
        lines.append(printable(f"{first.hostname}: {', '.join(first.paths)}"))
        lines += [f"  {_line(verdict)}" for verdict in verdicts]
    kept, removed = map(_many, _counts(standing))
    if standing.dry_run:
        lines.append(row("dry run", f"would keep {kept} and remove {removed}; nothing was removed"))
    else:
        lines += [row("kept", kept), row("removed", removed)]
    if told := standing.status.message:
        lines.append(row("prune", printable(told)))
    return [*lines, time_row(standing)]


def prune_lines(standing: Standing) -> list[str]:
    """What a person wants to know about a prune."""
    return [row("prune", printable(standing.status.message)), time_row(standing)]


def check_lines(standing: Standing) -> list[str]:
    """What a person wants to know about a check."""
    return [row("check", printable(standing.status.message)), time_row(standing)]


def _many(count: int) -> str:
    return "1 snapshot" if count == 1 else f"{count:,} snapshots"


def _line(verdict: maintenance_pb2.Verdict) -> str:
    what = "keep  " if verdict.reasons else "remove"
    why = f"  {printable(', '.join(verdict.reasons))}" if verdict.reasons else ""
    made = time_of(verdict)
    return f"{what}  {verdict.snapshot_id.hex()[:8]}  {made:%Y-%m-%d %H:%M:%S}{why}"


def forget_objects(standing: Standing) -> list[dict[str, Any]]:
    """The same for a program."""
    kept, removed = _counts(standing)
    verdicts = [_object(verdict) for verdict in _in_order(standing)]
    return [*verdicts, summary_object(standing) | {"kept": kept, "removed": removed}]


def _object(verdict: maintenance_pb2.Verdict) -> dict[str, Any]:
    return {
        "event": "verdict",
        "snapshot_id": verdict.snapshot_id.hex(),
        "time": time_of(verdict).isoformat(),
        "hostname": verdict.hostname,
        "paths": list(verdict.paths),
        "tags": list(verdict.tags),
        "group": verdict.group,
        "keep": bool(verdict.reasons),
        "reasons": list(verdict.reasons),
    }


def time_of(verdict: maintenance_pb2.Verdict) -> datetime:
    """When its snapshot was made, in the zone by which it is judged; cut to what a datetime
    holds."""
    zone = timezone(timedelta(minutes=max(-1439, min(verdict.zone_minutes, 1439))))
    try:
        return (EPOCH + timedelta(microseconds=verdict.time_ns // 1000)).astimezone(zone)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if verdict.time_ns > 0 else datetime.min


def _in_order(standing: Standing) -> list[maintenance_pb2.Verdict]:
    """By groups, the newest first."""
    return sorted(standing.verdicts, key=lambda v: (v.group, -v.time_ns, v.snapshot_id))


def _counts(standing: Standing) -> tuple[int, int]:
    kept = sum(bool(verdict.reasons) for verdict in standing.verdicts)
    return kept, len(standing.verdicts) - kept
