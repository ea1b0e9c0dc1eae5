"""Traces, seen by a receiver that speaks OTLP as Jaeger does."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from otlp import Receiver, receiving
from sluicegate.rpc.refusals import Refusal, understanding
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import proxy_manager_service_pb2 as pb


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.endpoint)
        yield found


async def test_client_and_server_are_one_trace(serve, receiver: Receiver):
    above, below = Tracing.from_environment("above"), Tracing.from_environment("below")
    service = await serve(tracing=below, client=above)
    with above.span("backup", attributes={"slices": 3}) as root:
        await service.stub.Capacity(pb.CapacityRequest())
        [_ async for _ in _until_refused(service)]
        below.start("slice copy", parent=root.traceparent).end()
    await asyncio.to_thread(above.shut_down)
    await asyncio.to_thread(below.shut_down)

    assert len({span.trace_id for span in receiver.spans}) == 1
    [top] = receiver.named("backup")
    assert top.parent_id == ""
    assert {span.service for span in receiver.spans} == {"above", "below"}
    known = {span.span_id for span in receiver.spans}
    assert all(span.parent_id in known for span in receiver.spans if span is not top)
    [slice_span] = receiver.named("slice copy")
    assert slice_span.parent_id == top.span_id
    client, server = sorted(
        (span for span in receiver.spans if "Capacity" in span.name and "Watch" not in span.name),
        key=lambda span: span.service,
    )
    assert (client.parent_id, server.parent_id) == (top.span_id, client.span_id)


async def test_a_fault_marks_both_ends(serve, receiver: Receiver):
    above, below = Tracing.from_environment("above"), Tracing.from_environment("below")
    service = await serve(tracing=below, client=above)
    with pytest.raises(Exception, match="a bug"):
        await service.stub.Drain(pb.DrainRequest(session_id="bug"))
    await asyncio.to_thread(above.shut_down)
    await asyncio.to_thread(below.shut_down)
    assert [span.failed for span in receiver.spans] == [True, True]


async def test_a_span_fails_with_what_escapes_it(receiver: Receiver):
    tracing = Tracing.from_environment("one")
    with pytest.raises(ValueError), tracing.span("seal"):
        raise ValueError("no")
    tracing.start("session").end("it died")
    tracing.start("crawl").end()
    await asyncio.to_thread(tracing.shut_down)
    assert {span.name: span.failed for span in receiver.spans} == {
        "seal": True,
        "session": True,
        "crawl": False,
    }


async def test_streams_of_requests_belong_to_no_trace(serve, receiver: Receiver):
    tracing = Tracing.from_environment("one")
    service = await serve(tracing=tracing)
    call = service.stub.SliceDone()
    await call.write(pb.SliceDoneRequest(hello=pb.SliceDoneHello(data_manager_id="d")))
    await call.read()
    await call.done_writing()
    await call.read()
    await asyncio.to_thread(tracing.shut_down)
    assert receiver.spans == []


def test_an_untraced_span_hands_on_its_parent():
    """So that a service without traces does not cut a trace in two."""
    parent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    with Tracing.from_environment("none").span("x", parent=parent) as span:
        span.set("slices", 1)
        assert span.traceparent == parent
    assert Tracing().server_interceptors() == []
    assert Tracing().client_interceptors() == []


def test_traces_can_be_switched_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert Tracing.from_environment("none").start("x").traceparent == ""


def test_a_receiver_that_is_gone_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1")
    tracing = Tracing.from_environment("one")
    tracing.start("x").end()
    begun = time.monotonic()
    tracing.shut_down()
    assert time.monotonic() - begun < 6


async def _until_refused(service):
    try:
        with understanding():
            async for response in service.stub.WatchCapacity(pb.WatchCapacityRequest()):
                yield response
    except Refusal:
        return
