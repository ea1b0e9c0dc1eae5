"""The last word about a run, for a person and for a program."""

import base64
from typing import Any

from sluicegate.cli.client import Standing
from sluicegate.cli.failures import ExitCode
from sluicegate.cli.figures import slices
from sluicegate.cli.sizes import show_seconds, show_size
from sluicegate.rpc.text import printable
from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1 import outcome_pb2

REASONS = {
    outcome_pb2.UNREAD_REASON_DENIED: "permission denied",
    outcome_pb2.UNREAD_REASON_VANISHED: "vanished before it was read",
    outcome_pb2.UNREAD_REASON_CHANGED: "changed while it was read; what was read is saved",
    outcome_pb2.UNREAD_REASON_IO_ERROR: "input/output error",
    outcome_pb2.UNREAD_REASON_SLICE_FAILED: "its slice failed",
    outcome_pb2.UNREAD_REASON_DAMAGED: "damaged",
}
NANOSECONDS = 10**9


def exit_code(standing: Standing, interrupted: bool) -> ExitCode:
    """What a run's end means to whoever called the command."""
    match standing.status.state:
        case pb.RUN_STATE_SUCCEEDED:
            return ExitCode.ALL
        case pb.RUN_STATE_PARTIAL:
            return ExitCode.SOME_UNREAD
        case pb.RUN_STATE_CANCELLED if interrupted:
            return ExitCode.INTERRUPTED
        case _:
            return ExitCode.NOTHING


def summary_object(standing: Standing) -> dict[str, Any]:
    """All that is known about the run, for a program."""
    status, counts = standing.status, standing.status.counts
    failure = outcome_pb2.FailureReason.Name(status.failure).removeprefix("FAILURE_REASON_")
    return {
        "event": "summary",
        "state": pb.RunState.Name(status.state).removeprefix("RUN_STATE_"),
        "snapshot_id": standing.snapshot_id,
        "parent_snapshot_id": standing.parent_snapshot_id,
        "dry_run": standing.dry_run,
        "files": counts.files,
        "directories": counts.directories,
        "others": counts.others,
        "unchanged_files": counts.unchanged_files,
        "seen_bytes": counts.seen_bytes,
        "read_bytes": counts.read_bytes,
        "added_bytes": counts.added_bytes,
        "blobs": counts.blobs,
        "seconds": round(_seconds(status), 3),
        "streams": status.streams_peak,
        "slices": slices(status),
        "slices_failed": status.slices.failed,
        "unread_files_count": status.unread_files_count,
        "unread_files": [_file_object(file) for file in status.unread_files],
        "failure": failure if status.failure else "",
        "message": status.message,
    }


def summary_objects(standing: Standing) -> list[dict[str, Any]]:
    """The same, where there is nothing else to tell."""
    return [summary_object(standing)]


def backup_lines(standing: Standing) -> list[str]:
    """What a person wants to know about a backup."""
    counts = standing.status.counts
    parent = standing.parent_snapshot_id
    unchanged = _unchanged(counts) if parent else ""
    return [
        row("snapshot", standing.snapshot_id[:8] + (f", after {parent[:8]}" if parent else "")),
        row("files", _entries(counts) + unchanged),
        row("read", _read(standing.status)),
        row("added", f"{show_size(counts.added_bytes)} in {counts.blobs:,} blobs"),
        *_run_rows(standing.status),
        *_unread_lines(standing.status, "not read"),
    ]


def restore_lines(standing: Standing) -> list[str]:
    """What a person wants to know about a restore, or what one would do."""
    if standing.dry_run:
        return _dry_lines(standing)
    counts = standing.status.counts
    unchanged = _unchanged(counts) if counts.unchanged_files else ""
    return [
        row("snapshot", standing.snapshot_id[:8]),
        row("files", _entries(counts) + unchanged),
        row("read", _read(standing.status)),
        *_run_rows(standing.status),
        *_unread_lines(standing.status, "not restored"),
    ]


def _dry_lines(standing: Standing) -> list[str]:
    """What a restore would write; it has written nothing."""
    counts = standing.status.counts
    return [
        row("snapshot", standing.snapshot_id[:8]),
        row("dry run", "nothing was written"),
        row("would write", f"{_entries(counts)}, {show_size(counts.seen_bytes)}"),
        row("would keep", f"{counts.unchanged_files:,} files"),
        *_run_rows(standing.status),
        *_unread_lines(standing.status, "not restored"),
    ]


def verify_lines(standing: Standing) -> list[str]:
    """What a person wants to know about a verify."""
    return [
        row("verified", f"{standing.status.counts.blobs:,} blobs, each as it was written"),
        row("read", _read(standing.status)),
        time_row(standing),
        *_unread_lines(standing.status, "not read"),
    ]


def drill_lines(standing: Standing) -> list[str]:
    """What a person wants to know about a restore drill."""
    counts = standing.status.counts
    restored = f"{counts.files:,} files, {show_size(counts.seen_bytes)}, each as it was backed up"
    return [
        row("snapshot", standing.snapshot_id[:8]),
        row("restored", restored),
        time_row(standing),
        *_unread_lines(standing.status, "not restored"),
    ]


def damage_lines(standing: Standing) -> list[str]:
    """What a verify found that is not as it was written."""
    if standing.status.failure != outcome_pb2.FAILURE_REASON_REPOSITORY_DAMAGED:
        return []
    return _unread_lines(standing.status, "damaged", "place")


def row(name: str, value: str) -> str:
    """A line of what a person is told at the end."""
    return f"{name:<10} {value}"


def time_row(standing: Standing) -> str:
    """How long it took."""
    return row("time", show_seconds(_seconds(standing.status)))


def _entries(counts: outcome_pb2.Counts) -> str:
    return f"{counts.files:,} files, {counts.directories:,} directories, {counts.others:,} others"


def _unchanged(counts: outcome_pb2.Counts) -> str:
    return f", {counts.unchanged_files:,} unchanged"


def _read(status: pb.RunStatus) -> str:
    rate = status.counts.read_bytes / max(_seconds(status), 0.001)
    return f"{show_size(status.counts.read_bytes)}, {show_size(rate)}/s"


def _run_rows(status: pb.RunStatus) -> list[str]:
    return [
        row("time", show_seconds(_seconds(status))),
        row("streams", f"{status.streams_peak} at once, {slices(status):,} slices"),
    ]


def _unread_lines(status: pb.RunStatus, name: str, thing: str = "file") -> list[str]:
    """The files that are missing, each with the reason, names made safe to show."""
    count, listed = status.unread_files_count, status.unread_files
    if not count and not status.slices.failed:
        return []
    lines = [row(name, f"{count:,} {thing}s" if count != 1 else f"1 {thing}")]
    lines += [f"  {printable(file.path) or '.'}: {_why(file)}" for file in listed]
    if count > len(listed):
        lines.append(f"  and {count - len(listed):,} more")
    if status.slices.failed:
        lines.append(row("failed", f"{status.slices.failed:,} slices"))
    return lines


def _why(file: outcome_pb2.UnreadFile) -> str:
    reason = REASONS.get(file.reason, "unknown reason")
    return f"{reason} ({printable(file.detail)})" if file.detail else reason


def _file_object(file: outcome_pb2.UnreadFile) -> dict[str, str]:
    reason = outcome_pb2.UnreadReason.Name(file.reason).removeprefix("UNREAD_REASON_")
    return path_object("path", file.path) | {"reason": reason, "detail": file.detail}


def path_object(name: str, path: bytes) -> dict[str, str]:
    """A path for a program; also in base64 if it is not text, as JSON is."""
    found = {name: path.decode("utf-8", "replace")}
    if found[name].encode() != path:
        found[f"{name}_base64"] = base64.b64encode(path).decode("ascii")
    return found


def _seconds(status: pb.RunStatus) -> float:
    return max(0, status.end_time_ns - status.start_time_ns) / NANOSECONDS
