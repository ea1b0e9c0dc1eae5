"""Maintenances as people ask for them and are told of them."""

from dataclasses import replace

from data_manager.core.model import Request, RunKind, Standing
from data_manager.core.options import Method
from data_manager.translation import SERVED, status_message
from data_manager.work import maintain_message
from sluicegate.rpc.refusals import InvalidMessage
from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1 import maintenance_pb2, slice_pb2

# A session for it alone: others hold the repository to their end, and it must be alone in it.
ALONE = replace(SERVED, method=Method.PER_SLICE, streams=1)
KEEPS_NOTHING = "must say what is kept, or `snapshots` which are removed"


def maintenance_request(message: pb.CreateMaintenanceRequest) -> Request:
    """What a maintenance is to do. InvalidMessage for a forget that says nothing."""
    if message.work.WhichOneof("work") == "forget":
        forget = message.work.forget
        if not forget.snapshots and not _keeps_some(forget.policy):
            raise InvalidMessage([("work.forget.policy", KEEPS_NOTHING)])
    return Request(
        RunKind.MAINTENANCE,
        message.repository.location,
        options=ALONE,
        maintain=message.work.SerializeToString(),
    )


def _keeps_some(policy: maintenance_pb2.RetentionPolicy) -> bool:
    """Whether anything is said: a count, some tags, a time that is not empty."""
    said = (value for _, value in policy.ListFields())
    times = maintenance_pb2.CalendarDuration
    return any(value.ByteSize() if isinstance(value, times) else value for value in said)


def maintenance_answer(standing: Standing) -> pb.Maintenance:
    """A maintenance as it stands."""
    run = standing.run
    return pb.Maintenance(
        maintenance_id=run.run_id,
        repository=slice_pb2.Repository(location=run.request.repository),
        work=maintain_message(run),
        status=status_message(standing),
    )


def maintenance_token(maintenance: pb.Maintenance) -> str:
    """Where the page after this maintenance begins."""
    return f"{maintenance.status.start_time_ns}:{maintenance.maintenance_id}"


def verdict_of(told: bytes) -> maintenance_pb2.Verdict:
    """A verdict as it was said."""
    return maintenance_pb2.Verdict.FromString(told)


def verdict_token(verdict: maintenance_pb2.Verdict) -> str:
    """Where the page after this verdict begins."""
    return verdict.snapshot_id.hex()
