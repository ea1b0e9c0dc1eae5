"""Refusals cross the wire and mean the same on the other side."""

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from sluicegate.rpc.refusals import (
    STATUS_CODES,
    InvalidMessage,
    Reason,
    Refusal,
    Unreachable,
    from_status,
    to_status,
    understanding,
)
from sluicegate.v1 import proxy_manager_service_pb2 as pb


def test_every_reason_has_a_status_code():
    assert set(STATUS_CODES) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_a_refusal_comes_back_from_its_status(reason: Reason):
    refusal = from_status(to_status(Refusal(reason, "it is so", session="s1")))
    assert refusal is not None
    assert refusal.reason is reason
    if reason is not Reason.INVALID:
        assert refusal.message == "it is so"
        assert refusal.metadata == {"session": "s1"}


@pytest.mark.parametrize("reason", set(Reason) - {Reason.SHUTTING_DOWN})
async def test_a_refusal_reaches_the_caller(service, reason: Reason):
    with pytest.raises(Refusal) as caught, understanding():
        await service.stub.Drain(pb.DrainRequest(session_id=reason))
    assert caught.value.reason is reason


async def test_a_service_that_ends_says_when_to_come_back(service):
    with pytest.raises(Unreachable) as caught, understanding():
        await service.stub.Drain(pb.DrainRequest(session_id="SHUTTING_DOWN"))
    assert caught.value.retry_seconds == 1.0


async def test_a_foreign_client_reads_the_standard_details(service):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.stub.Drain(pb.DrainRequest(session_id="RESERVATION_LAPSED"))
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.details() == "it is so"
    status = await rpc_status.aio.from_call(_as_call(caught.value))
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.domain, info.reason) == ("sluicegate", "RESERVATION_LAPSED")
    assert info.metadata == {"session": "RESERVATION_LAPSED"}


async def test_a_stream_is_refused_after_what_it_said(service):
    said = []
    with pytest.raises(Refusal) as caught, understanding():
        async for response in service.stub.WatchCapacity(pb.WatchCapacityRequest()):
            said.append(response.capacity.sessions)
    assert said == [1]
    assert caught.value.reason is Reason.ASSET_BUSY
    assert caught.value.metadata == {"watchers": "1"}


async def test_a_refusal_inside_a_task_group_is_found(service):
    with pytest.raises(Refusal) as caught, understanding():
        await service.stub.Drain(pb.DrainRequest(session_id="group"))
    assert caught.value.reason is Reason.SESSION_UNKNOWN


async def test_a_fault_of_ours_is_one_line(service, caplog: pytest.LogCaptureFixture):
    with pytest.raises(grpc.aio.AioRpcError) as caught, understanding():
        await service.stub.Drain(pb.DrainRequest(session_id="bug"))
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert caught.value.details() == "ValueError: a bug of ours"
    assert "Traceback" in caplog.text


async def test_nobody_there_is_unreachable(service):
    await service.server.stop(0)
    with pytest.raises(Unreachable), understanding():
        await service.stub.Capacity(pb.CapacityRequest(), timeout=5)


async def test_no_answer_in_time_is_unreachable(service):
    with pytest.raises(Unreachable), understanding():
        await service.stub.Cancel(pb.CancelRequest(session_id="s"), timeout=0.05)


async def test_what_is_neither_passes_on(service):
    with pytest.raises(grpc.aio.AioRpcError) as caught, understanding():
        await service.channel.unary_unary("/sluicegate.v1.ProxyManagerService/NoSuchMethod")(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_reason_of_a_later_version_is_no_refusal_of_ours():
    status = to_status(Refusal(Reason.ASSET_BUSY, "no"))
    info = error_details_pb2.ErrorInfo(domain="sluicegate", reason="FROM_THE_FUTURE")
    status.details[0].Pack(info)
    assert from_status(status) is None


def test_a_status_fits_into_metadata():
    fields = [(f"path[{number}]" * 50, "wrong \x1b " * 500) for number in range(1000)]
    assert len(to_status(InvalidMessage(fields)).SerializeToString()) < 6000


def _as_call(error: grpc.aio.AioRpcError):
    """An error as the call that grpc_status wants to read."""

    class Call:
        async def trailing_metadata(self):
            return error.trailing_metadata()

        async def code(self):
            return error.code()

        async def details(self):
            return error.details()

    return Call()
