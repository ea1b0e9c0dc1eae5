"""What a fault means for its slice, and how it is told to a person."""

from container_agent.repository import errors
from container_agent.repository.forgetting import KeepsNothing
from container_agent.repository.object_failures import AccessDenied
from container_agent.repository.stores import FULL
from container_agent.session.restic import ResticFailed, ResticMissing
from container_agent.session.seal import SlicesLost
from container_agent.session.tally import Stopped
from container_agent.session.walking import SourceLost
from container_agent.storage.write import TargetUnwritable
from sluicegate.rpc.text import one_line
from sluicegate.v1 import outcome_pb2

# The first that fits: a kind of fault stands before the kind that it is one of.
REASONS: tuple[tuple[type[Exception], outcome_pb2.FailureReason.ValueType], ...] = (
    (Stopped, outcome_pb2.FAILURE_REASON_CANCELLED),
    (SourceLost, outcome_pb2.FAILURE_REASON_SOURCE_LOST),
    (TargetUnwritable, outcome_pb2.FAILURE_REASON_TARGET_UNWRITABLE),
    (errors.RepositoryMissing, outcome_pb2.FAILURE_REASON_REPOSITORY_MISSING),
    (AccessDenied, outcome_pb2.FAILURE_REASON_REPOSITORY_MISSING),
    (errors.StorageAway, outcome_pb2.FAILURE_REASON_STORAGE_AWAY),
    (errors.RepositoryVersion, outcome_pb2.FAILURE_REASON_REPOSITORY_VERSION),
    (errors.WrongPassword, outcome_pb2.FAILURE_REASON_WRONG_PASSWORD),
    (errors.RepositoryLocked, outcome_pb2.FAILURE_REASON_REPOSITORY_LOCKED),
    (errors.StorageFull, outcome_pb2.FAILURE_REASON_STORAGE_FULL),
    (SlicesLost, outcome_pb2.FAILURE_REASON_SLICES_LOST),
    (KeepsNothing, outcome_pb2.FAILURE_REASON_REFUSED),
    (errors.SnapshotUnknown, outcome_pb2.FAILURE_REASON_NOT_FOUND),
    (errors.SnapshotAmbiguous, outcome_pb2.FAILURE_REASON_NOT_FOUND),
    (ResticMissing, outcome_pb2.FAILURE_REASON_PROGRAM_MISSING),
    (ResticFailed, outcome_pb2.FAILURE_REASON_TRANSIENT),
    (errors.BlobMissing, outcome_pb2.FAILURE_REASON_REPOSITORY_DAMAGED),
    (errors.RepositoryDamaged, outcome_pb2.FAILURE_REASON_REPOSITORY_DAMAGED),
)


def failure_of(error: Exception) -> tuple[outcome_pb2.FailureReason.ValueType, str]:
    """The class of a failure, and the line for a person."""
    for kind, reason in REASONS:
        if isinstance(error, kind):
            return reason, one_line(str(error)) or type(error).__name__
    if isinstance(error, OSError):
        return failure_of_system(error)
    told = f"A fault of Sluicegate, please report it: {type(error).__name__}: {error}"
    return outcome_pb2.FAILURE_REASON_INTERNAL, one_line(told)


def failure_of_system(error: OSError) -> tuple[outcome_pb2.FailureReason.ValueType, str]:
    """An answer of the system that nobody nearer has understood; it may pass."""
    where = f" ({error.filename!r})" if error.filename is not None else ""
    told = one_line(f"The system said: {error.strerror or error}{where}.")
    if error.errno in FULL:
        return outcome_pb2.FAILURE_REASON_STORAGE_FULL, told
    return outcome_pb2.FAILURE_REASON_TRANSIENT, told
