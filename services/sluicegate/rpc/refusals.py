"""What a service refuses, and how a refusal crosses the wire: one table, read both ways.

A refusal travels as a status code with a `google.rpc.ErrorInfo`, whose reason is what callers
match on. What was wrong with a message is told field by field in a `google.rpc.BadRequest`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum, auto

import grpc
from google.protobuf import duration_pb2
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from sluicegate.rpc.text import one_line

DOMAIN = "sluicegate"
DETAILS_KEY = "grpc-status-details-bin"
RETRY_SECONDS = 1
# A status travels as metadata, of which a peer takes 8 KiB.
FIELDS_TOLD = 10
FIELD_LENGTH = 200


class Reason(StrEnum):
    """Why a service refuses. The value is the name, as it stands in an ErrorInfo."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[str]) -> str:
        return name

    ASSET_UNKNOWN = auto()
    ASSET_EXISTS = auto()
    ASSET_BUSY = auto()
    RUN_UNKNOWN = auto()
    SLICE_UNKNOWN = auto()
    BACKUP_EXISTS = auto()
    RESERVATION_LAPSED = auto()
    SESSION_UNKNOWN = auto()
    SESSION_DENIED = auto()
    HOST_SUPERSEDED = auto()
    HOST_UNKNOWN = auto()
    HOST_ATTACHED = auto()
    SHUTTING_DOWN = auto()
    INVALID = auto()


STATUS_CODES: dict[Reason, grpc.StatusCode] = {
    Reason.ASSET_UNKNOWN: grpc.StatusCode.NOT_FOUND,
    Reason.ASSET_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Reason.ASSET_BUSY: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.RUN_UNKNOWN: grpc.StatusCode.NOT_FOUND,
    Reason.SLICE_UNKNOWN: grpc.StatusCode.NOT_FOUND,
    Reason.BACKUP_EXISTS: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.RESERVATION_LAPSED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.SESSION_UNKNOWN: grpc.StatusCode.NOT_FOUND,
    Reason.SESSION_DENIED: grpc.StatusCode.PERMISSION_DENIED,
    Reason.HOST_SUPERSEDED: grpc.StatusCode.ABORTED,
    Reason.HOST_UNKNOWN: grpc.StatusCode.NOT_FOUND,
    Reason.HOST_ATTACHED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.SHUTTING_DOWN: grpc.StatusCode.UNAVAILABLE,
    Reason.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
}
# A call that arrives while its server ends, or outlives the server's grace, comes back CANCELLED;
# what the caller itself cancels raises asyncio.CancelledError instead.
UNREACHABLE_CODES = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
)


class Refusal(Exception):
    """A service will not do what was asked, for a reason that a caller can act on."""

    def __init__(self, reason: Reason, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata: Mapping[str, str] = metadata


class InvalidMessage(Refusal):
    """A message broke the rules of its fields; `fields` has each path and what is wrong there."""

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        path, description = fields[0]
        super().__init__(Reason.INVALID, f"{path}: {description}")
        self.fields = fields


class Unreachable(Exception):
    """The service did not answer, or is about to end: the same call may succeed later."""

    def __init__(self, message: str, retry_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


def to_status(refusal: Refusal) -> status_pb2.Status:
    """A refusal as it is sent."""
    code = STATUS_CODES[refusal.reason]
    details: list[Message] = [
        error_details_pb2.ErrorInfo(
            reason=refusal.reason, domain=DOMAIN, metadata=dict(refusal.metadata)
        )
    ]
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        details.append(_bad_request(refusal))
    if code is grpc.StatusCode.UNAVAILABLE:
        delay = duration_pb2.Duration(seconds=RETRY_SECONDS)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    status = status_pb2.Status(code=code.value[0], message=one_line(refusal.message))
    for detail in details:
        status.details.add().Pack(detail)
    return status


def from_status(status: status_pb2.Status) -> Refusal | None:
    """The refusal in a status, or None when this program knows none such."""
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    for detail in status.details:
        # Unpack leaves the message as it is when the detail is of another type.
        detail.Unpack(info)
        detail.Unpack(bad_request)
    if info.domain != DOMAIN or info.reason not in Reason.__members__:
        return None
    if fields := [(field.field, field.description) for field in bad_request.field_violations]:
        return InvalidMessage(fields)
    return Refusal(Reason(info.reason), status.message, **info.metadata)


@contextmanager
def understanding() -> Iterator[None]:
    """Around a call: what the service refused comes out as a Refusal, and what it did not answer
    as Unreachable. Other failures of the call pass on as they are."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        status = _status_of(error)
        if error.code() in UNREACHABLE_CODES:
            message = one_line(error.details() or error.code().name)
            raise Unreachable(message, _retry_seconds(status)) from error
        if refusal := from_status(status):
            raise refusal from error
        raise


def _bad_request(refusal: Refusal) -> error_details_pb2.BadRequest:
    fields = refusal.fields if isinstance(refusal, InvalidMessage) else [("", refusal.message)]
    bad_request = error_details_pb2.BadRequest()
    for path, description in fields[:FIELDS_TOLD]:
        bad_request.field_violations.add(
            field=one_line(path)[:FIELD_LENGTH], description=one_line(description)[:FIELD_LENGTH]
        )
    return bad_request


def _status_of(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                break
    return status_pb2.Status()


def _retry_seconds(status: status_pb2.Status) -> float:
    retry = error_details_pb2.RetryInfo()
    for detail in status.details:
        detail.Unpack(retry)
    return float(retry.retry_delay.ToTimedelta().total_seconds())
