"""The values of the core as messages to sessions, and what sessions say as events."""

from collections.abc import Sequence

from data_manager.assignments import Assignment
from data_manager.core import events
from data_manager.core.model import (
    Counts,
    Cut,
    Failure,
    Position,
    Request,
    Run,
    Session,
    Slice,
    SliceKind,
    SliceState,
    Span,
    UnreadFile,
    UnreadReason,
)
from sluicegate.v1 import maintenance_pb2, outcome_pb2, session_pb2, slice_pb2

# Where a verify goes on that has made all its cuts: no id, hex, comes after this.
AFTER_ALL_PACKS = slice_pb2.Position(path=b"~")
COUNTS = tuple(Counts.__dataclass_fields__)


def work_message(
    session: Session, assignments: Sequence[Assignment], hostname: str
) -> session_pb2.SessionWork:
    """A session as it is started. Unless it is fed, it ends when its slices have ended."""
    return session_pb2.SessionWork(
        session_id=session.session_id,
        repository=slice_pb2.Repository(location=session.repository),
        slices=[slice_message(assignment, hostname) for assignment in assignments],
        drain=not session.fed,
    )


def slice_message(assignment: Assignment, hostname: str) -> slice_pb2.Slice:
    """A slice with its work. Repository snapshots bear the hostname, wherever they are sealed."""
    run, slice_ = assignment.task.run, assignment.task.slice
    message = slice_pb2.Slice(
        slice_id=slice_.slice_id, attempt=slice_.attempt, traceparent=assignment.traceparent
    )
    match slice_.kind:
        case SliceKind.COPY:
            message.copy.CopyFrom(_copy(run, slice_))
        case SliceKind.CRAWL:
            message.crawl.CopyFrom(_crawl(run, hostname))
        case SliceKind.SEAL:
            message.seal.CopyFrom(_seal(run, assignment.records, hostname))
        case SliceKind.RESTORE_CRAWL:
            message.restore_crawl.CopyFrom(
                slice_pb2.RestoreCrawlWork(
                    plan=plan_message(run), start=_start(run), cutting=_cutting(run)
                )
            )
        case SliceKind.RESTORE:
            message.restore.CopyFrom(
                slice_pb2.RestoreWork(
                    plan=plan_message(run),
                    span=_span_message(slice_.span),
                    range_bytes=run.request.options.range_bytes,
                )
            )
        case SliceKind.RESTORE_FINISH:
            message.restore_finish.CopyFrom(
                slice_pb2.RestoreFinishWork(
                    plan=plan_message(run), range_bytes=run.request.options.range_bytes
                )
            )
        case SliceKind.VERIFY:
            message.verify.CopyFrom(verify_message(run))
            message.verify.start.CopyFrom(_start(run) if run.cut_through else AFTER_ALL_PACKS)
        case SliceKind.VERIFY_PACKS:
            message.verify_packs.CopyFrom(_verify_packs(run, slice_))
        case SliceKind.MAINTAIN:
            message.maintain.CopyFrom(maintain_message(run))
    return message


def _crawl(run: Run, hostname: str) -> slice_pb2.CrawlWork:
    return slice_pb2.CrawlWork(
        source=run.request.source,
        start=_start(run),
        cutting=_cutting(run),
        excludes=excludes_message(run.request),
        hostname=hostname,
    )


def _copy(run: Run, slice_: Slice) -> slice_pb2.CopyWork:
    policy = read_policy_message(run.request)
    return slice_pb2.CopyWork(
        source=run.request.source,
        span=_span_message(slice_.span),
        range_bytes=run.request.options.range_bytes,
        asset_path=run.request.source,
        parent_snapshot_id=(run.snapshot_id or b"").hex(),
        excludes=excludes_message(run.request),
        read_policy=policy,
        bytes_per_second=_stream_share(policy, run.request.options.streams),
    )


def _stream_share(policy: slice_pb2.ReadPolicy | None, streams: int) -> int:
    """What one stream may read a second, so that no more than the limit is read by all that the
    user allows; 0 for no limit."""
    limit = policy.bytes_per_second if policy is not None else 0
    return max(1, limit // streams) if limit else 0


def excludes_message(request: Request) -> slice_pb2.Excludes | None:
    """What a backup passes over; None for nothing."""
    return slice_pb2.Excludes.FromString(request.excludes) if request.excludes else None


def read_policy_message(request: Request) -> slice_pb2.ReadPolicy | None:
    """What follows in a backup when something cannot be read; None for the default."""
    return slice_pb2.ReadPolicy.FromString(request.read_policy) if request.read_policy else None


def _seal(run: Run, records: Sequence[Slice], hostname: str) -> slice_pb2.SealWork:
    failed = any(slice_.state is SliceState.FAILED for slice_ in records)
    return slice_pb2.SealWork(
        source=run.request.source,
        asset_path=run.request.source,
        backup_id=run.run_id,
        parent_snapshot_id=(run.snapshot_id or b"").hex(),
        start_time_ns=run.start_time_ns,
        partial=failed or run.unread_count > 0,
        records=map(_record, records),
        hostname=hostname,
    )


def _record(slice_: Slice) -> slice_pb2.SliceRecord:
    """A slice's record. Only one that is missing needs its span: so 10,000 fit into a message."""
    span = Span() if slice_.result_id else slice_.span
    return slice_pb2.SliceRecord(span=_span_message(span), record_id=slice_.result_id)


def plan_message(run: Run) -> slice_pb2.RestorePlan:
    """The plan, with the whole id once it is known: `latest` may be another one by then."""
    return slice_pb2.RestorePlan(
        snapshot=run.snapshot_id.hex() if run.snapshot_id else run.request.snapshot,
        target=run.request.target,
        include=run.request.include,
        overwrite=slice_pb2.Overwrite.Value(f"OVERWRITE_{run.request.overwrite.name}"),
        dry_run=run.request.dry_run,
        drop_privileges=run.request.drop_privileges,
    )


def _verify_packs(run: Run, slice_: Slice) -> slice_pb2.VerifyPacksWork:
    verify = verify_message(run)
    return slice_pb2.VerifyPacksWork(
        snapshot=(run.snapshot_id or b"").hex(),
        part=verify.part if verify.HasField("part") else None,
        span=_span_message(slice_.span),
    )


def verify_message(run: Run) -> slice_pb2.VerifyWork:
    """What a verify reads."""
    return slice_pb2.VerifyWork.FromString(run.request.verify)


def maintain_message(run: Run) -> maintenance_pb2.MaintainWork:
    """What a maintenance does."""
    return maintenance_pb2.MaintainWork.FromString(run.request.maintain)


def _start(run: Run) -> slice_pb2.Position:
    return _position_message(run.cut_through or Position())


def _cutting(run: Run) -> slice_pb2.Cutting:
    options = run.request.options
    return slice_pb2.Cutting(
        slice_bytes=options.slice_bytes,
        slice_files=options.slice_files,
        range_bytes=options.range_bytes,
    )


def _position_message(position: Position) -> slice_pb2.Position:
    return slice_pb2.Position(path=position.path, offset_bytes=position.offset_bytes)


def _span_message(span: Span | None) -> slice_pb2.Span:
    assert span is not None, "bodies have spans"
    stop = _position_message(span.stop) if span.stop else None
    return slice_pb2.Span(start=_position_message(span.start), stop=stop)


def outcome_event(outcome: outcome_pb2.Outcome) -> events.Outcome | None:
    """What happened in a session; None for what this version does not know."""
    session_id = outcome.session_id
    match outcome.WhichOneof("event"):
        case "cuts_made":
            made = outcome.cuts_made
            return events.CutsMade(
                session_id,
                made.slice_id,
                made.attempt,
                made.batch_number,
                tuple(map(_cut, made.cuts)),
                made.snapshot_id,
            )
        case "slice_end":
            return _slice_ended(session_id, outcome.slice_end)
        case "verdicts_made":
            judged = outcome.verdicts_made
            verdicts = {each.snapshot_id: each.SerializeToString() for each in judged.verdicts}
            return events.VerdictsMade(session_id, judged.slice_id, judged.attempt, verdicts)
        case "session_end":
            end = outcome.session_end
            return events.SessionEnded(session_id, _failure(end.failure), end.message)
        case _:
            return None


def progress_event(progress: outcome_pb2.Progress) -> events.Progressed:
    """How far a slice is."""
    return events.Progressed(
        progress.session_id,
        progress.slice_id,
        progress.attempt,
        _counts(progress.counts),
        progress.told,
    )


def _slice_ended(session_id: str, end: outcome_pb2.SliceEnd) -> events.SliceEnded:
    return events.SliceEnded(
        session_id,
        end.slice_id,
        end.attempt,
        _failure(end.failure),
        end.message,
        end.result_id,
        _counts(end.counts),
        tuple(map(_unread, end.unread_files)),
        max(end.unread_files_count, len(end.unread_files)),
        end.took_ms,
        tuple(end.lost_slices),
    )


def _failure(number: outcome_pb2.FailureReason.ValueType) -> Failure | None:
    if number == outcome_pb2.FAILURE_REASON_UNSPECIFIED:
        return None
    try:
        name = outcome_pb2.FailureReason.Name(number)
        return Failure(name.removeprefix("FAILURE_REASON_").lower())
    except ValueError:
        # A reason of a newer version is no success.
        return Failure.INTERNAL


def _unread(file: outcome_pb2.UnreadFile) -> UnreadFile:
    name = outcome_pb2.UnreadReason.Name(file.reason)
    reason = UnreadReason(name.removeprefix("UNREAD_REASON_").lower())
    return UnreadFile(file.path, reason, file.detail)


def _cut(cut: outcome_pb2.Cut) -> Cut:
    stop = _position(cut.span.stop) if cut.span.HasField("stop") else None
    return Cut(Span(_position(cut.span.start), stop), cut.bytes, cut.files)


def _position(position: slice_pb2.Position) -> Position:
    return Position(position.path, position.offset_bytes)


def _counts(counts: outcome_pb2.Counts) -> Counts:
    return Counts(*(getattr(counts, name) for name in COUNTS))
