"""Runs as they are listed and shown."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sluicegate.cli.client import Standing
from sluicegate.cli.kinds import BACKUP, RESTORE, Known
from sluicegate.cli.sizes import show_seconds, show_size
from sluicegate.cli.summary import damage_lines, path_object, row, summary_object, time_row
from sluicegate.cli.tables import print_table
from sluicegate.rpc.text import printable
from sluicegate.v1 import data_manager_service_pb2 as pb

NANOSECONDS = 10**9
HEAD = ("id", "state", "began", "took", "files", "read", "snapshot", "of")
WITH_RESULT = (pb.RUN_STATE_SUCCEEDED, pb.RUN_STATE_PARTIAL)
COLOURS = {
    "succeeded": "green",
    "partial": "yellow",
    "paused": "yellow",
    "failed": "red",
    "cancelled": "red",
}


def print_runs(found: Sequence[Known]) -> None:
    """A line for each run, as it is given."""
    print_table(HEAD, [_row(known) for known in found], COLOURS)


def known_lines(known: Known, standing: Standing) -> list[str]:
    """What there is to know about a run that stands so."""
    status = known.message.status
    lines = [
        row(known.kind.name, printable(known.run_id)),
        row("state", _state(status)),
        row("to" if known.kind is RESTORE else "of", printable(known.what)),
        row("repository", printable(known.message.repository.location)),
        row("began", _time(status.start_time_ns)),
    ]
    if not standing.terminal:
        lines += _running_lines(status)
    elif status.state in WITH_RESULT:
        lines += known.lines(standing)
    else:
        lines += [time_row(standing), *damage_lines(standing)]
    return lines + ([row("why", printable(status.message))] if status.message else [])


def known_object(known: Known) -> dict[str, Any]:
    """All that is known about a run, for a program."""
    status = known.message.status
    return summary_object(known.standing) | {
        "event": "run",
        "kind": known.kind.name,
        "run_id": known.run_id,
        **path_object("of", known.what),
        "repository": known.message.repository.location,
        "asset_id": known.message.asset_id if known.kind is BACKUP else "",
        "start_time": _when(status.start_time_ns).isoformat(),
        "seconds": round(_seconds(status), 3),
        "streams_now": status.streams,
        "paused": status.paused_message,
    }


def _running_lines(status: pb.RunStatus) -> list[str]:
    counts, slices = status.counts, status.slices
    done = max(counts.seen_bytes, counts.read_bytes)
    found = f"{show_size(status.total_bytes)}{'' if status.crawled else ' found so far'}"
    lines = [
        row("goes since", show_seconds(_seconds(status))),
        row("files", f"{counts.files:,}"),
        row("seen", f"{show_size(done)} of {found}"),
        row("slices", f"{slices.queued:,} wait, {slices.reserved + slices.running:,} in sessions,"
            f" {slices.done:,} done, {slices.failed:,} failed"),
        row("streams", f"{status.streams} now, {status.streams_peak} at once at most"),
    ]  # fmt: skip
    if status.unread_files_count:
        lines.append(row("not read", f"{status.unread_files_count:,} files so far"))
    return lines + ([row("paused", printable(status.paused_message))] if status.paused else [])


def _row(known: Known) -> tuple[str, ...]:
    status = known.message.status
    return (
        printable(known.run_id),
        _state(status),
        _time(status.start_time_ns),
        show_seconds(_seconds(status)),
        f"{status.counts.files:,}",
        show_size(status.counts.read_bytes),
        known.standing.snapshot_id[:8] or "-",
        printable(known.what),
    )


def _state(status: pb.RunStatus) -> str:
    return "paused" if status.paused else _name(status.state)


def _name(state: pb.RunState.ValueType) -> str:
    return pb.RunState.Name(state).removeprefix("RUN_STATE_").lower()


def _time(time_ns: int) -> str:
    return f"{_when(time_ns):%Y-%m-%d %H:%M:%S}"


def _when(time_ns: int) -> datetime:
    """In the local time zone, as `date` would say it."""
    return datetime.fromtimestamp(time_ns / NANOSECONDS).astimezone()


def _seconds(status: pb.RunStatus) -> float:
    """How long it took, or has been going on by this machine's clock."""
    return max(0, (status.end_time_ns or time.time_ns()) - status.start_time_ns) / NANOSECONDS
