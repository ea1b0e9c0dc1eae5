"""The conversation with one proxy host: it dials, and is then commanded over its call."""

from collections.abc import AsyncGenerator, AsyncIterator

from proxy_manager.driver import Driver
from proxy_manager.streams import HostCall
from proxy_manager.translation import host_event, hosted_session, order_messages
from sluicegate.rpc.conversations import first
from sluicegate.rpc.refusals import Reason, Refusal
from sluicegate.rpc.tasks import beside
from sluicegate.v1 import host_service_pb2 as pb


async def attach(
    driver: Driver, requests: AsyncIterator[pb.AttachRequest]
) -> AsyncGenerator[pb.AttachResponse, None]:
    """Welcomes a host and sends it its orders, until either side ends the call."""
    opening = await first(requests)
    if not opening.HasField("hello"):
        raise Refusal(Reason.INVALID, "a host says hello first")
    hello = opening.hello
    sessions = [hosted_session(session) for session in hello.sessions]
    call = driver.attach_host(hello.host_name, hello.sessions_max, sessions)
    try:
        async with beside(_hear(driver, call, requests)):
            yield pb.AttachResponse(welcome=pb.HostWelcome())
            async for orders in call.orders.batches():
                for response in order_messages(orders, hello.takes_batches):
                    yield response
    finally:
        driver.detach_host(call)
    if call.superseded:
        message = f"another host attached as {call.host_name}; give each its own name"
        raise Refusal(Reason.HOST_SUPERSEDED, message)


async def _hear(driver: Driver, call: HostCall, requests: AsyncIterator[pb.AttachRequest]) -> None:
    try:
        async for request in requests:
            if request.HasField("progress"):
                driver.tell_progress(request.progress)
            driver.submit(host_event(call, request))
    finally:
        # The requests end when the host hangs up and when it dies alike: so does the call.
        call.orders.close()
