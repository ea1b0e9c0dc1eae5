"""T6: a message that breaks a rule of the contract goes no further than the door."""

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from sluicegate.rpc import validation
from sluicegate.rpc.refusals import DETAILS_KEY, InvalidMessage, Reason, understanding
from sluicegate.v1 import proxy_manager_service_pb2 as pb

TOO_LONG = "s" * 101


async def test_a_call_is_refused_field_by_field(service):
    request = pb.ReserveRequest(data_manager_id="", session_ids=["fine", "not fine"])
    with pytest.raises(InvalidMessage) as caught, understanding():
        await service.stub.Reserve(request)
    assert caught.value.reason is Reason.INVALID
    assert {path for path, _ in caught.value.fields} == {"data_manager_id", "session_ids[1]"}


async def test_the_details_are_a_standard_bad_request(service):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.stub.Drain(pb.DrainRequest(session_id=TOO_LONG))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    metadata = dict(caught.value.trailing_metadata())
    status = status_pb2.Status.FromString(metadata[DETAILS_KEY])
    bad_request = error_details_pb2.BadRequest()
    assert any(detail.Unpack(bad_request) for detail in status.details)
    [violation] = bad_request.field_violations
    assert violation.field == "session_id"
    assert "100" in violation.description


async def test_the_method_does_not_see_it(service):
    with pytest.raises(InvalidMessage), understanding():
        await service.stub.Drain(pb.DrainRequest(session_id=TOO_LONG))
    assert service.proxies.seen == []


async def test_each_message_of_a_stream_is_looked_at(service):
    call = service.stub.SliceDone()
    hello = pb.SliceDoneHello(data_manager_id="dm", session_ids=[])
    await call.write(pb.SliceDoneRequest(hello=hello))
    assert await call.read() == pb.SliceDoneResponse()
    await call.write(pb.SliceDoneRequest())
    with pytest.raises(InvalidMessage) as caught, understanding():
        await call.read()
    assert [path for path, _ in caught.value.fields] == ["event"]
    assert service.proxies.seen == ["hello"]


def test_much_is_left_to_protovalidate_and_refused_all_the_same(monkeypatch):
    monkeypatch.setattr(validation, "_plainly", validation._Plainly())
    long = pb.ReserveRequest(data_manager_id="dm", session_ids=[f"s{n:099}" for n in range(500)])
    while validation._plainly.passes(long):
        validation.check(long)
    validation.check(long)
    with pytest.raises(InvalidMessage):
        validation.check(pb.DrainRequest(session_id=TOO_LONG))
