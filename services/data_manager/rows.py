"""The values of the core as rows of the database, and back."""

import json
from collections.abc import Mapping
from typing import Any

from data_manager.core.model import (
    Counts,
    Failure,
    Position,
    Request,
    Run,
    RunKind,
    RunState,
    Session,
    SessionState,
    UnreadFile,
    UnreadReason,
)
from data_manager.core.options import Method, Options, Overwrite, SliceOrder

Row = Mapping[str, Any]


def run_row(run: Run) -> dict[str, object]:
    """A run as it is stored."""
    cut = run.cut_through or Position()
    request = run.request
    return {
        "run_id": run.run_id,
        "kind": request.kind,
        "repository": request.repository,
        "asset_id": request.asset_id,
        "source": request.source,
        "snapshot": request.snapshot,
        "target": request.target,
        "include": request.include,
        "storage": request.storage,
        "excludes": request.excludes,
        "read_policy": request.read_policy,
        "overwrite": request.overwrite,
        "dry_run": request.dry_run,
        "drop_privileges": request.drop_privileges,
        "verify": request.verify,
        "maintain": request.maintain,
        **_options_row(request.options),
        "start_time_ns": run.start_time_ns,
        "end_time_ns": run.end_time_ns,
        "traceparent": run.traceparent,
        "state": run.state,
        "over": run.state.terminal,
        "stopping": run.stopping,
        "message": run.message,
        "failure": run.failure,
        "counts": json.dumps(vars(run.counts)),
        "snapshot_id": run.snapshot_id,
        "result_id": run.result_id,
        "crawled": run.crawled,
        "cut_to_end": run.cut_through is None,
        "cut_path": cut.path,
        "cut_offset_bytes": cut.offset_bytes,
        "batches": run.batches,
        "bodies": run.bodies,
        "total_bytes": run.total_bytes,
        "total_files": run.total_files,
        "unread_count": run.unread_count,
        "sessions_made": run.sessions_made,
        "streams_peak": run.streams_peak,
    }


def run_of_row(row: Row) -> Run:
    """A stored run."""
    cut = None if row["cut_to_end"] else Position(row["cut_path"], row["cut_offset_bytes"])
    return Run(
        run_id=row["run_id"],
        request=_request_of_row(row),
        start_time_ns=row["start_time_ns"],
        traceparent=row["traceparent"],
        state=RunState(row["state"]),
        stopping=RunState(row["stopping"]) if row["stopping"] else None,
        message=row["message"],
        failure=Failure(row["failure"]) if row["failure"] else None,
        counts=Counts(**json.loads(row["counts"])),
        snapshot_id=row["snapshot_id"],
        result_id=row["result_id"],
        crawled=bool(row["crawled"]),
        cut_through=cut,
        batches=row["batches"],
        bodies=row["bodies"],
        total_bytes=row["total_bytes"],
        total_files=row["total_files"],
        unread_count=row["unread_count"],
        sessions_made=row["sessions_made"],
        streams_peak=row["streams_peak"],
        end_time_ns=row["end_time_ns"],
    )


def session_row(session: Session) -> dict[str, object]:
    """A session as it is stored."""
    return {
        "session_id": session.session_id,
        "run_id": session.run_id,
        "state": session.state,
        "slice_ids": json.dumps(session.slice_ids),
        "method": session.method,
        "repository": session.repository,
        "host_name": session.host_name,
        "hedge": session.hedge,
        "hedge_attempt": session.hedge_attempt,
    }


def session_of_row(row: Row) -> Session:
    """A stored session."""
    slice_ids = tuple(json.loads(row["slice_ids"]))
    return Session(
        row["session_id"],
        row["run_id"],
        SessionState(row["state"]),
        slice_ids,
        Method(row["method"]),
        row["repository"],
        row["host_name"],
        row["hedge"],
        row["hedge_attempt"],
    )


def unread_of_row(row: Row) -> UnreadFile:
    """A stored unread file."""
    return UnreadFile(row["path"], UnreadReason(row["reason"]), row["detail"])


def _request_of_row(row: Row) -> Request:
    return Request(
        kind=RunKind(row["kind"]),
        repository=row["repository"],
        asset_id=row["asset_id"],
        source=row["source"],
        snapshot=row["snapshot"],
        target=row["target"],
        include=row["include"],
        storage=row["storage"],
        options=_options_of_row(row),
        excludes=row["excludes"],
        read_policy=row["read_policy"],
        overwrite=Overwrite(row["overwrite"]),
        dry_run=bool(row["dry_run"]),
        drop_privileges=bool(row["drop_privileges"]),
        verify=row["verify"],
        maintain=row["maintain"],
    )


def _options_row(options: Options) -> dict[str, object]:
    row = dict(vars(options))
    # ORDER is a word of SQL.
    row["slice_order"] = row.pop("order")
    return row


def _options_of_row(row: Row) -> Options:
    names = Options.__dataclass_fields__.keys() - {"method", "order", "hedge"}
    return Options(
        hedge=bool(row["hedge"]),
        method=Method(row["method"]),
        order=SliceOrder(row["slice_order"]),
        **{name: row[name] for name in names},
    )
