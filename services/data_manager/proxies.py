"""The proxy manager over gRPC."""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import grpc

from data_manager.assignments import Assignment
from data_manager.core.events import Outcome
from data_manager.core.model import Session
from data_manager.ports import Listener
from data_manager.work import outcome_event, progress_event, slice_message, work_message
from sluicegate.rpc.refusals import Reason, Refusal, Unreachable, understanding
from sluicegate.rpc.retries import retrying
from sluicegate.v1 import proxy_manager_service_pb2 as pb
from sluicegate.v1 import proxy_manager_service_pb2_grpc as pb_grpc
from sluicegate.v1 import session_pb2

log = logging.getLogger(__name__)
Q = TypeVar("Q")
A = TypeVar("A")
CAPACITY_SECONDS = 5.0
# A place is held when its container answers, for which the proxy manager gives it 20 s.
RESERVE_SECONDS = 28.0
# Less than a place is held.
TELL_SECONDS = 10.0
RECONNECT_SECONDS = 0.5
FEED_BYTES = 512 << 10
FOOD_BYTES = 110
FOODS_MAX = 1_000
SLICES_MAX = 1_000


class RemoteProxies:
    """ProxyManagerService over a channel, in the name of one data manager. What its sessions store
    bears the hostname; by default each session's own."""

    def __init__(self, channel: grpc.aio.Channel, data_manager_id: str, hostname: str = "") -> None:
        # Quoted in the stubs: only type checkers know the async one.
        self._stub: pb_grpc.ProxyManagerServiceAsyncStub = pb_grpc.ProxyManagerServiceStub(channel)
        self._data_manager_id = data_manager_id
        self._hostname = hostname

    async def capacity(self) -> tuple[int, tuple[str, ...]]:
        """Sessions that could start now, and why hosts take none."""
        with answered():
            response = await self._stub.Capacity(pb.CapacityRequest(), timeout=CAPACITY_SECONDS)
        return response.sessions, tuple(map(_reason, filter(lambda h: h.closed, response.hosts)))

    async def reserve(
        self, session_ids: Sequence[str], avoid: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Those that are granted a place, each with its host."""
        request = pb.ReserveRequest(
            data_manager_id=self._data_manager_id,
            session_ids=session_ids,
            avoid=[
                pb.AvoidedHosts(session_id=session_id, host_names=[host_name])
                for session_id, host_name in avoid.items()
            ],
        )
        response = await _retried(self._stub.Reserve, request, RESERVE_SECONDS)
        for answer in response.answers:
            if answer.HasField("declined"):
                log.info("session %s: %s", answer.session_id, answer.declined.message)
        granted = (answer for answer in response.answers if answer.HasField("granted"))
        return {answer.session_id: answer.granted.host_name for answer in granted}

    async def release(self, session_ids: Sequence[str]) -> None:
        """Gives places back."""
        await _retried(self._stub.Release, pb.ReleaseRequest(session_ids=session_ids))

    async def initiate(self, session: Session, assignments: Sequence[Assignment]) -> None:
        """Starts a session."""
        request = pb.InitiateRequest(work=work_message(session, assignments, self._hostname))
        await _retried(self._stub.Initiate, request)

    async def feed(self, foods: Mapping[str, Sequence[Assignment]]) -> frozenset[str]:
        """Gives sessions more; those of them that were not fed."""
        unfed: set[str] = set()
        for request in _feed_requests(foods, self._hostname):
            response = await _retried(self._stub.Feed, request)
            unfed.update(response.unknown_session_ids)
        return frozenset(unfed)

    async def drain(self, session_id: str) -> None:
        """Lets a session end."""
        await _retried(self._stub.Drain, pb.DrainRequest(session_id=session_id))

    async def cancel(self, session_id: str) -> None:
        """Stops a session."""
        await _retried(self._stub.Cancel, pb.CancelRequest(session_id=session_id))

    async def listen(self, listener: Listener) -> NoReturn:
        """Follows the stream of outcomes, again and again."""
        while True:
            try:
                with answered():
                    await self._follow(listener)
            except (Unreachable, Refusal) as error:
                log.warning("the stream of outcomes ended: %s", error)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def watch(self, listener: Listener) -> NoReturn:
        """Follows the capacity, again and again."""
        while True:
            try:
                with answered():
                    async for _ in self._stub.WatchCapacity(pb.WatchCapacityRequest()):
                        await listener.grew()
            except (Unreachable, Refusal) as error:
                log.info("the watch of capacity ended: %s", error)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _follow(self, listener: Listener) -> None:
        alive = listener.alive()
        hello = pb.SliceDoneHello(data_manager_id=self._data_manager_id, session_ids=alive)
        call = self._stub.SliceDone()
        connected = False
        try:
            await call.write(pb.SliceDoneRequest(hello=hello))
            while isinstance(response := await call.read(), pb.SliceDoneResponse):
                if not connected:
                    connected = True
                    await listener.connected()
                if happened := _events(response):
                    await listener.take(happened)
                if response.outcomes:
                    through = response.outcomes[-1].number
                    acknowledge = pb.SliceDoneAcknowledgement(through_number=through)
                    await call.write(pb.SliceDoneRequest(acknowledge=acknowledge))
            raise Unreachable("the proxy manager ended it")
        finally:
            call.cancel()


async def _retried(
    method: grpc.aio.UnaryUnaryMultiCallable[Q, A], request: Q, seconds: float = TELL_SECONDS
) -> A:
    """An idempotent call, made again while that may help, until a deadline."""

    async def call() -> A:
        with answered():
            return await method(request, timeout=seconds)

    return await retrying(call, deadline_seconds=seconds)


@contextmanager
def answered() -> Iterator[None]:
    """Around a call: nothing but Unreachable and Refusal comes out.

    What fails otherwise, such as a message that is too large, would fail again.
    """
    try:
        with understanding():
            yield
    except grpc.aio.AioRpcError as error:
        message = f"the proxy manager failed: {error.code().name}: {error.details()}"
        raise Refusal(Reason.INVALID, message) from error
    except asyncio.InvalidStateError as error:
        raise Unreachable("the stream ended meanwhile") from error


def _events(response: pb.SliceDoneResponse) -> list[Outcome]:
    happened: list[Outcome] = []
    for numbered in response.outcomes:
        if (event := outcome_event(numbered.outcome)) is not None:
            happened.append(event)
    happened += map(progress_event, response.progress)
    return happened


def _reason(host: pb.HostCapacity) -> str:
    return pb.DeclineReason.Name(host.closed).removeprefix("DECLINE_REASON_").lower()


def _feed_requests(
    foods: Mapping[str, Sequence[Assignment]], hostname: str
) -> Iterator[pb.FeedRequest]:
    """As few requests as carry all, each well under the size that a message may have."""
    request, size = pb.FeedRequest(), 0
    for session_id, assignments in foods.items():
        food: session_pb2.SessionFood | None = None
        for assignment in assignments:
            slice_ = slice_message(assignment, hostname)
            size += slice_.ByteSize() + FOOD_BYTES
            if request.foods and (size > FEED_BYTES or len(request.foods) >= FOODS_MAX):
                yield request
                request, size, food = pb.FeedRequest(), slice_.ByteSize(), None
            if food is None or len(food.slices) >= SLICES_MAX:
                food = request.foods.add(session_id=session_id)
            food.slices.append(slice_)
    if request.foods:
        yield request
