"""What people ask as values of the core, and how runs stand as messages."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from google.protobuf.message import Message

from data_manager.core.explaining import Explanation
from data_manager.core.model import (
    Request,
    RunKind,
    RunState,
    Slice,
    SliceState,
    Standing,
    UnreadFile,
)
from data_manager.core.options import Method, Options, Overwrite, SliceOrder
from data_manager.passed_over import encoded
from data_manager.store import Asset
from data_manager.work import (
    excludes_message,
    plan_message,
    read_policy_message,
    verify_message,
)
from sluicegate.rpc.refusals import InvalidMessage
from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1 import outcome_pb2, slice_pb2

PAGE_SIZE = 100
# A message may have 1 MiB.
PAGE_BYTES = 900 << 10
# What a crawl takes at least: smaller ones would make more slices than bytes.
LEAST = {"slice_bytes": 64 << 10, "range_bytes": 1 << 20}
NUMBERS = (
    "streams", "slices_per_session", "slice_bytes", "slice_files", "range_bytes", "weight",
    "hedge",
    "priority",
)  # fmt: skip
# Restores and verifies have no user who tunes them.
SERVED = Options(method=Method.AUTO, storage_wait_seconds=900)
M = TypeVar("M", bound=Message)


def asset_of(message: pb.Asset) -> Asset:
    """An asset as it is asked for."""
    return Asset(message.asset_id, message.path, message.primary_storage)


def options_of(message: pb.BackupOptions) -> Options:
    """Options with the defaults filled in."""
    for name, least in LEAST.items():
        if 0 < getattr(message, name) < least:
            raise InvalidMessage([(f"options.{name}", f"must be 0 or at least {least}")])
    given = {name: getattr(message, name) for name in NUMBERS}
    options = Options(**{name: value for name, value in given.items() if value})
    options = replace(options, method=_method(message), order=_order(message.order))
    if message.HasField("storage_wait_seconds"):
        options = replace(options, storage_wait_seconds=message.storage_wait_seconds)
    return options


def backup_request(message: pb.CreateBackupRequest, asset: Asset) -> Request:
    """What a backup is to do."""
    return Request(
        RunKind.BACKUP,
        message.repository.location,
        asset_id=asset.asset_id,
        source=asset.path,
        storage=asset.storage,
        options=options_of(message.options),
        excludes=encoded(message.options.excludes),
        read_policy=message.options.read_policy.SerializeToString(),
    )


def restore_request(message: pb.CreateRestoreRequest) -> Request:
    """What a restore is to do."""
    return Request(
        RunKind.RESTORE,
        message.repository.location,
        snapshot=message.plan.snapshot,
        target=message.plan.target,
        include=message.plan.include,
        options=replace(SERVED, streams=message.streams or SERVED.streams),
        overwrite=_overwrite(message.plan.overwrite),
        dry_run=message.plan.dry_run,
        drop_privileges=message.plan.drop_privileges,
    )


def verify_request(message: pb.CreateVerifyRequest) -> Request:
    """What a verify is to do."""
    return Request(
        RunKind.VERIFY,
        message.repository.location,
        options=replace(SERVED, streams=message.streams or SERVED.streams),
        verify=message.verify.SerializeToString(),
    )


def backup_message(standing: Standing) -> pb.Backup:
    """A backup as it stands."""
    run = standing.run
    options = run.request.options
    numbers = {name: getattr(options, name) for name in NUMBERS}
    return pb.Backup(
        backup_id=run.run_id,
        asset_id=run.request.asset_id,
        repository=slice_pb2.Repository(location=run.request.repository),
        options=pb.BackupOptions(
            method=pb.Method.Value(f"METHOD_{options.method.name}"),
            order=pb.SliceOrder.Value(f"SLICE_ORDER_{options.order.name}"),
            excludes=excludes_message(run.request),
            read_policy=read_policy_message(run.request),
            storage_wait_seconds=options.storage_wait_seconds,
            **numbers,
        ),
        status=status_message(standing),
        snapshot_id=run.result_id.hex(),
        parent_snapshot_id=(run.snapshot_id or b"").hex(),
        path=run.request.source,
    )


def verify_answer(standing: Standing) -> pb.Verify:
    """A verify as it stands."""
    run = standing.run
    return pb.Verify(
        verify_id=run.run_id,
        repository=slice_pb2.Repository(location=run.request.repository),
        verify=verify_message(run),
        status=status_message(standing),
        snapshot_id=(run.snapshot_id or b"").hex(),
    )


def status_message(standing: Standing) -> pb.RunStatus:
    """How a run stands."""
    run = standing.run
    slices = {state.value: standing.slices.get(state, 0) for state in SliceState}
    return pb.RunStatus(
        state=_state(run.state),
        message=run.message,
        failure=_failure(run.failure),
        counts=outcome_pb2.Counts(**vars(run.counts)),
        slices=pb.SliceCounts(**slices),
        streams=standing.streams,
        streams_peak=run.streams_peak,
        start_time_ns=run.start_time_ns,
        end_time_ns=run.end_time_ns,
        unread_files=map(_unread_message, standing.unread_files),
        unread_files_count=run.unread_count,
        crawled=run.crawled,
        total_bytes=run.total_bytes,
        total_files=run.total_files,
        paused=_failure(standing.paused),
        paused_message=standing.paused_message,
    )


def restore_answer(standing: Standing) -> pb.Restore:
    """A restore as it stands."""
    run = standing.run
    return pb.Restore(
        restore_id=run.run_id,
        repository=slice_pb2.Repository(location=run.request.repository),
        plan=plan_message(run),
        status=status_message(standing),
        snapshot_id=(run.snapshot_id or b"").hex(),
    )


def asset_message(asset: Asset) -> pb.Asset:
    """An asset."""
    return pb.Asset(asset_id=asset.asset_id, path=asset.path, primary_storage=asset.storage)


def explanation_message(explanation: Explanation) -> pb.ExplainWaitResponse:
    """Why something waits."""
    start = explanation.start_seconds
    reasons = [pb.WaitReason.Value(f"WAIT_REASON_{r.name}") for r in explanation.reasons]
    return pb.ExplainWaitResponse(
        reasons=reasons,
        blocking_backup_ids=explanation.blocking,
        hosts=explanation.hosts,
        position=explanation.position,
        predicted_start_seconds=-1.0 if start is None else start,
    )


def page(found: Sequence[M], most: int, token_of: Callable[[M], str]) -> tuple[list[M], str]:
    """As many as a page and a message hold, and the token for what comes after them.

    `found` has one more than `most` if there are more.
    """
    taken: list[M] = []
    size = 0
    for message in found[:most]:
        size += message.ByteSize()
        if taken and size > PAGE_BYTES:
            break
        taken.append(message)
    return taken, token_of(taken[-1]) if len(taken) < len(found) else ""


def slice_message(slice_: Slice) -> pb.BackupSlice:
    """A slice of a backup, and how long it took."""
    return pb.BackupSlice(
        slice_id=slice_.slice_id,
        number=slice_.number,
        start_path=slice_.span.start.path if slice_.span else b"",
        attempts=slice_.attempt,
        predicted_ms=slice_.predicted_ms,
        took_ms=slice_.took_ms,
    )


def slice_token(slice_: pb.BackupSlice) -> str:
    """Where the page after this slice begins."""
    return str(slice_.number)


def number_of_token(token: str) -> int:
    """The number of the slice that a token names; 0 before the first."""
    if not token:
        return 0
    if not token.isascii() or not token.isdigit() or len(token) > 18:
        raise InvalidMessage([("page_token", "is none that a list has given")])
    return int(token)


def backup_token(backup: pb.Backup) -> str:
    """Where the page after this backup begins."""
    return f"{backup.status.start_time_ns}:{backup.backup_id}"


def restore_token(restore: pb.Restore) -> str:
    """Where the page after this restore begins."""
    return f"{restore.status.start_time_ns}:{restore.restore_id}"


def verify_token(verify: pb.Verify) -> str:
    """Where the page after this verify begins."""
    return f"{verify.status.start_time_ns}:{verify.verify_id}"


def place_of_token(token: str) -> tuple[int, str]:
    """The start time and id of the backup that a token names."""
    if not token:
        return 2**63 - 1, ""
    time_ns, separator, run_id = token.partition(":")
    if not separator or not time_ns.isascii() or not time_ns.isdigit() or len(time_ns) > 18 + 1:
        raise InvalidMessage([("page_token", "is none that a list has given")])
    return min(int(time_ns), 2**63 - 1), run_id


def _method(message: pb.BackupOptions) -> Method:
    """The method. Who says how many slices a session has means sessions of so many."""
    if message.method == pb.METHOD_UNSPECIFIED:
        return Method.BATCH if message.slices_per_session else Method.AUTO
    return Method(pb.Method.Name(message.method).removeprefix("METHOD_").lower())


def _order(order: pb.SliceOrder.ValueType) -> SliceOrder:
    if order == pb.SLICE_ORDER_UNSPECIFIED:
        return SliceOrder.IN_ORDER
    return SliceOrder(pb.SliceOrder.Name(order).removeprefix("SLICE_ORDER_").lower())


def _overwrite(overwrite: slice_pb2.Overwrite.ValueType) -> Overwrite:
    if overwrite == slice_pb2.OVERWRITE_UNSPECIFIED:
        return Overwrite.ALWAYS
    return Overwrite(slice_pb2.Overwrite.Name(overwrite).removeprefix("OVERWRITE_").lower())


def _state(state: RunState) -> pb.RunState.ValueType:
    return pb.RunState.Value(f"RUN_STATE_{state.name}")


def _failure(failure: object) -> outcome_pb2.FailureReason.ValueType:
    name = getattr(failure, "name", "UNSPECIFIED")
    return outcome_pb2.FailureReason.Value(f"FAILURE_REASON_{name}")


def _unread_message(file: UnreadFile) -> outcome_pb2.UnreadFile:
    reason = outcome_pb2.UnreadReason.Value(f"UNREAD_REASON_{file.reason.name}")
    return outcome_pb2.UnreadFile(path=file.path, reason=reason, detail=file.detail)
