"""What every service has: health, reflection, limits, keepalive, an end with grace."""

import asyncio
import socket
import stat
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from sluicegate.rpc.channel import connect
from sluicegate.rpc.limits import MESSAGE_BYTES
from sluicegate.rpc.refusals import Unreachable, understanding
from sluicegate.rpc.server import CannotListen, Server
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import proxy_manager_service_pb2 as pb
from sluicegate.v1 import proxy_manager_service_pb2_grpc as pb_grpc

NAME = "sluicegate.v1.ProxyManagerService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.mark.parametrize("name", ["", NAME])
async def test_health_is_serving(service, name: str):
    health = health_pb2_grpc.HealthStub(service.channel)
    answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
    assert answer.status == SERVING


async def test_health_of_an_unknown_service_is_not_found(service):
    health = health_pb2_grpc.HealthStub(service.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health.Check(health_pb2.HealthCheckRequest(service="nobody"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_health_watchers_hear_of_the_end(service):
    health = health_pb2_grpc.HealthStub(service.channel)
    watch = health.Watch(health_pb2.HealthCheckRequest(service=NAME))
    assert (await watch.read()).status == SERVING
    stopping = asyncio.create_task(service.server.stop(5))
    assert (await watch.read()).status == NOT_SERVING
    watch.cancel()
    await stopping


async def test_reflection_names_the_services(service):
    assert await _services(service.channel) == {
        NAME,
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


async def test_reflection_can_be_switched_off():
    tracing = Tracing()
    server = Server([], ["127.0.0.1:0"], tracing, reflection=False)
    [address] = await server.start()
    async with connect(address, tracing) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _services(channel)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    await server.stop(0)


async def test_a_unix_socket_is_served(serve, tmp_path: Path):
    service = await serve(listen=f"unix:{tmp_path}/socket")
    assert (await service.stub.Capacity(pb.CapacityRequest())).sessions == 7
    assert stat.S_ISSOCK((tmp_path / "socket").stat().st_mode)


async def test_a_taken_port_is_said(service):
    again = Server([], [service.address], Tracing())
    with pytest.raises(CannotListen, match=service.address):
        await again.start()
    await again.stop(0)


def _sized(size: int) -> bytes:
    """A valid message of exactly so many bytes, most of them in a field that nobody knows."""
    hello = pb.SliceDoneHello(data_manager_id="d")
    known = pb.SliceDoneRequest(hello=hello).SerializeToString()
    filler = size - len(known) - 4
    length = bytes([filler & 0x7F | 0x80, filler >> 7 & 0x7F | 0x80, filler >> 14])
    return known + b"\x7a" + length + bytes(filler)


@pytest.mark.parametrize("over", [-1, 0, 1])
async def test_t7_a_message_of_more_than_1_mib_is_refused(service, over: int):
    async with grpc.aio.insecure_channel(service.address) as unlimited:
        call = unlimited.stream_stream(f"/{NAME}/SliceDone")()
        await call.write(_sized(MESSAGE_BYTES + over))
        if over <= 0:
            assert await call.read() == b""
            return
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_t7_metadata_of_more_than_8_kib_is_refused(service):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.stub.Capacity(pb.CapacityRequest(), metadata=(("x", "y" * 65536),))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_t8_calls_beyond_the_limit_are_refused_at_once(serve, monkeypatch):
    monkeypatch.setattr("sluicegate.rpc.server.CALLS_AT_ONCE", 4)
    service = await serve()
    request = pb.CancelRequest(session_id="s")
    calls = [asyncio.ensure_future(_code(service.stub.Cancel(request))) for _ in range(12)]
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    async with asyncio.timeout(5):
        while sum(call.done() for call in calls) < 8:
            await asyncio.sleep(0.01)
    service.proxies.go_on.set()
    codes = Counter(await asyncio.gather(*calls))
    assert codes == {grpc.StatusCode.OK: 4, grpc.StatusCode.RESOURCE_EXHAUSTED: 8}


async def _code(call) -> grpc.StatusCode:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def test_a_call_that_runs_may_end(service):
    call = service.stub.Cancel(pb.CancelRequest(session_id="s"))
    await service.proxies.entered.wait()
    stopping = asyncio.create_task(service.server.stop(10))
    with pytest.raises(Unreachable), understanding():
        await _until_refused(service)
    service.proxies.go_on.set()
    assert await call == pb.CancelResponse()
    await stopping


async def test_a_call_that_does_not_end_is_cancelled_after_the_grace(service):
    call = service.stub.Cancel(pb.CancelRequest(session_id="s"))
    await service.proxies.entered.wait()
    await service.server.stop(0.05)
    with pytest.raises(Unreachable), understanding():
        await call


async def _until_refused(service) -> None:
    while True:
        await service.stub.Capacity(pb.CapacityRequest(), timeout=5)


async def test_a_peer_that_is_silent_counts_as_gone():
    """Fact 3: without keepalive a stream to such a peer hangs for ever."""
    async with _silent_peer() as address, connect(address, Tracing()) as channel:
        stub = pb_grpc.ProxyManagerServiceStub(channel)
        begun = time.monotonic()
        with pytest.raises(Unreachable), understanding():
            await stub.SliceDone().read()
        assert time.monotonic() - begun < 15


class _silent_peer:
    """Speaks HTTP/2 as far as its settings, and nothing after that."""

    SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])

    async def __aenter__(self) -> str:
        self._writers: list[asyncio.StreamWriter] = []
        self._server = await asyncio.start_server(self._greet, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        writer.write(self.SETTINGS)
        while await reader.read(65536):
            pass

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        await self._server.wait_closed()


async def test_keepalive_of_a_client_does_not_offend_the_server(service):
    """The server expects fewer pings than that by default, and hangs up on its clients."""
    call = service.stub.SliceDone()
    hello = pb.SliceDoneRequest(hello=pb.SliceDoneHello(data_manager_id="d"))
    await call.write(hello)
    assert await call.read() == pb.SliceDoneResponse()
    await asyncio.sleep(16)  # three pings; two strikes would be out
    await call.write(hello)
    assert await call.read() == pb.SliceDoneResponse()
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF


async def _services(channel: grpc.aio.Channel) -> set[str]:
    reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
    call = reflection.ServerReflectionInfo()
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    answer = await call.read()
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    return {found.name for found in answer.list_services_response.service}


def test_a_free_port_is_told():
    """So that a test, or a person, may ask for any port."""

    async def addresses() -> list[str]:
        server = Server([], ["127.0.0.1:0"], Tracing())
        found = await server.start()
        await server.stop(0)
        return found

    [address] = asyncio.run(addresses())
    assert socket.inet_aton(address.split(":")[0])
    assert int(address.split(":")[1]) > 0
