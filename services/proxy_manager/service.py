"""The two services of the proxy manager, translated: nothing is decided here."""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

from proxy_manager.core import events
from proxy_manager.core.model import (
    HostPresent,
    HostUnknown,
    ReservationLapsed,
    SessionUnknown,
)
from proxy_manager.driver import Driver
from proxy_manager.hosts import attach
from proxy_manager.streams import OutcomeStream
from proxy_manager.translation import (
    answer_message,
    batch_message,
    capacity_message,
    feed_asked,
    host_session_message,
    known_host_message,
    reservation_asked,
    usages,
)
from sluicegate.rpc.conversations import first
from sluicegate.rpc.refusals import Reason, Refusal
from sluicegate.rpc.server import Served
from sluicegate.rpc.tasks import beside
from sluicegate.v1 import host_service_pb2 as host_pb
from sluicegate.v1 import host_service_pb2_grpc as host_grpc
from sluicegate.v1 import proxy_manager_service_pb2 as pb
from sluicegate.v1 import proxy_manager_service_pb2_grpc as pb_grpc

SESSIONS_TOLD = 1000
Context = Any  # the stubs' own context type exists for type checkers only


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """What the core will not do, as callers are told it."""
    try:
        yield
    except ReservationLapsed as error:
        message = f"no place is held for session {name}; reserve again"
        raise Refusal(Reason.RESERVATION_LAPSED, message, session_id=name) from error
    except SessionUnknown as error:
        message = f"session {name} does not run, or takes no more"
        raise Refusal(Reason.SESSION_UNKNOWN, message, session_id=name) from error
    except HostUnknown as error:
        message = f"no host {name} is known; ListHosts tells which are"
        raise Refusal(Reason.HOST_UNKNOWN, message, host_name=name) from error
    except HostPresent as error:
        message = (
            f"{name} is there, or was a moment ago: stop its agent, and remove it when it is lost"
        )
        raise Refusal(Reason.HOST_ATTACHED, message, host_name=name) from error


class ProxyManagerService(pb_grpc.ProxyManagerServiceServicer):
    """ProxyManagerService over a driver."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    async def Capacity(self, request: pb.CapacityRequest, context: Context) -> pb.CapacityResponse:
        return capacity_message(self._driver.capacity())

    async def WatchCapacity(
        self, request: pb.WatchCapacityRequest, context: Context
    ) -> AsyncIterator[pb.WatchCapacityResponse]:
        async with aclosing(self._driver.watch()) as capacities:
            async for capacity, announced in capacities:
                yield pb.WatchCapacityResponse(
                    capacity=capacity_message(capacity), announced=announced
                )

    async def AnnounceCapacity(
        self, request: pb.AnnounceCapacityRequest, context: Context
    ) -> pb.AnnounceCapacityResponse:
        self._driver.submit(events.CapacityAnnounced())
        return pb.AnnounceCapacityResponse()

    async def Reserve(self, request: pb.ReserveRequest, context: Context) -> pb.ReserveResponse:
        asked = self._driver.now()
        answers = await self._driver.reserve(reservation_asked(request))
        told = zip(request.session_ids, answers, strict=True)
        return pb.ReserveResponse(
            answers=[answer_message(session_id, answer, asked) for session_id, answer in told]
        )

    async def Release(self, request: pb.ReleaseRequest, context: Context) -> pb.ReleaseResponse:
        self._driver.submit(events.ReservationReleased(tuple(request.session_ids)))
        return pb.ReleaseResponse()

    async def Initiate(self, request: pb.InitiateRequest, context: Context) -> pb.InitiateResponse:
        work = request.work
        with refusing(work.session_id):
            self._driver.submit(events.InitiationAsked(work.session_id, work))
        return pb.InitiateResponse()

    async def Feed(self, request: pb.FeedRequest, context: Context) -> pb.FeedResponse:
        if request.HasField("food") == bool(request.foods):
            raise Refusal(Reason.INVALID, "either food or foods: one session or many")
        if request.HasField("food"):
            with refusing(request.food.session_id):
                self._driver.submit(feed_asked(request.food))
            return pb.FeedResponse()
        unknown = self._driver.feed(map(feed_asked, request.foods))
        return pb.FeedResponse(unknown_session_ids=unknown)

    async def Drain(self, request: pb.DrainRequest, context: Context) -> pb.DrainResponse:
        self._driver.submit(events.DrainAsked(request.session_id))
        return pb.DrainResponse()

    async def Cancel(self, request: pb.CancelRequest, context: Context) -> pb.CancelResponse:
        self._driver.submit(events.CancelAsked(request.session_id))
        return pb.CancelResponse()

    async def SetHostLimit(
        self, request: pb.SetHostLimitRequest, context: Context
    ) -> pb.SetHostLimitResponse:
        await self._operate(events.HostLimitAsked(request.host_name, request.sessions_max))
        return pb.SetHostLimitResponse()

    async def DrainHost(
        self, request: pb.DrainHostRequest, context: Context
    ) -> pb.DrainHostResponse:
        await self._operate(events.HostDrainAsked(request.host_name))
        return pb.DrainHostResponse()

    async def ResumeHost(
        self, request: pb.ResumeHostRequest, context: Context
    ) -> pb.ResumeHostResponse:
        await self._operate(events.HostResumeAsked(request.host_name))
        return pb.ResumeHostResponse()

    async def ListHosts(
        self, request: pb.ListHostsRequest, context: Context
    ) -> pb.ListHostsResponse:
        return pb.ListHostsResponse(hosts=map(known_host_message, self._driver.hosts()))

    async def GetHost(self, request: pb.GetHostRequest, context: Context) -> pb.GetHostResponse:
        with refusing(request.host_name):
            host, sessions = self._driver.host(request.host_name)
        used = usages(host)
        told = [
            host_session_message(session, used.get(session.session_id))
            for session in sessions[:SESSIONS_TOLD]
        ]
        return pb.GetHostResponse(host=known_host_message(host), sessions=told)

    async def RemoveHost(
        self, request: pb.RemoveHostRequest, context: Context
    ) -> pb.RemoveHostResponse:
        await self._operate(events.HostRemovalAsked(request.host_name))
        return pb.RemoveHostResponse()

    async def _operate(self, event: events.OperatorEvent) -> None:
        with refusing(event.host_name):
            await self._driver.operate(event)

    async def SliceDone(
        self,
        request_iterator: Any,  # noqa: ANN401
        context: Context,
    ) -> AsyncIterator[pb.SliceDoneResponse]:
        opening: pb.SliceDoneRequest = await first(request_iterator)
        if not opening.HasField("hello"):
            raise Refusal(Reason.INVALID, "a data manager says hello first")
        hello = opening.hello
        stream = self._driver.open_outcomes(hello.data_manager_id, hello.session_ids)
        try:
            async with beside(self._hear(stream, request_iterator)):
                async for outcomes, progress in stream:
                    yield batch_message(outcomes, progress)
        finally:
            self._driver.close_outcomes(stream)

    async def _hear(
        self, stream: OutcomeStream, requests: AsyncIterator[pb.SliceDoneRequest]
    ) -> None:
        try:
            async for request in requests:
                if request.HasField("acknowledge"):
                    self._driver.acknowledge(stream, request.acknowledge.through_number)
        finally:
            stream.watch.close()


class HostService(host_grpc.HostServiceServicer):
    """HostService over a driver."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    async def Attach(
        self,
        request_iterator: Any,  # noqa: ANN401
        context: Context,
    ) -> AsyncIterator[host_pb.AttachResponse]:
        async with aclosing(attach(self._driver, request_iterator)) as responses:
            async for response in responses:
                yield response


def served(driver: Driver) -> list[Served]:
    """Both services, as a server takes them."""
    return [
        Served(
            ProxyManagerService(driver),
            pb_grpc.add_ProxyManagerServiceServicer_to_server,
            pb.DESCRIPTOR.services_by_name["ProxyManagerService"].full_name,
        ),
        Served(
            HostService(driver),
            host_grpc.add_HostServiceServicer_to_server,
            host_pb.DESCRIPTOR.services_by_name["HostService"].full_name,
        ),
    ]
