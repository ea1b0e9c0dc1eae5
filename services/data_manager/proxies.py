"""The proxy manager over gRPC."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import grpc

from data_manager.core.effects import Initiate
from data_manager.core.events import Outcome
from data_manager.driver import Alive, Take
from data_manager.work import outcome_event, progress_event, work_message
from sluicegate.rpc.refusals import Reason, Refusal, Unreachable, understanding
from sluicegate.rpc.retries import retrying
from sluicegate.v1 import proxy_manager_service_pb2 as pb
from sluicegate.v1 import proxy_manager_service_pb2_grpc as pb_grpc

log = logging.getLogger(__name__)
CAPACITY_SECONDS = 5.0
# A place is held when its container answers, for which the proxy manager gives it 20 s.
RESERVE_SECONDS = 28.0
# Less than a place is held.
TELL_SECONDS = 10.0
RECONNECT_SECONDS = 0.5


class RemoteProxies:
    """ProxyManagerService over a channel, in the name of one data manager."""

    def __init__(self, channel: grpc.aio.Channel, data_manager_id: str) -> None:
        # Quoted in the stubs: only type checkers know the async one.
        self._stub: pb_grpc.ProxyManagerServiceAsyncStub = pb_grpc.ProxyManagerServiceStub(channel)
        self._data_manager_id = data_manager_id

    async def capacity(self) -> int:
        """Sessions that could start now."""
        with answered():
            response = await self._stub.Capacity(pb.CapacityRequest(), timeout=CAPACITY_SECONDS)
        return response.sessions

    async def reserve(self, session_ids: Sequence[str]) -> frozenset[str]:
        """Those that are granted a place."""
        request = pb.ReserveRequest(data_manager_id=self._data_manager_id, session_ids=session_ids)

        async def call() -> pb.ReserveResponse:
            with answered():
                return await self._stub.Reserve(request, timeout=RESERVE_SECONDS)

        response = await retrying(call, deadline_seconds=RESERVE_SECONDS)
        for answer in response.answers:
            if answer.HasField("declined"):
                log.info("session %s: %s", answer.session_id, answer.declined.message)
        return frozenset(a.session_id for a in response.answers if a.HasField("granted"))

    async def release(self, session_ids: Sequence[str]) -> None:
        """Gives places back."""
        request = pb.ReleaseRequest(session_ids=session_ids)

        async def call() -> None:
            with answered():
                await self._stub.Release(request, timeout=TELL_SECONDS)

        await retrying(call, deadline_seconds=TELL_SECONDS)

    async def initiate(self, work: Initiate, traceparent: str) -> None:
        """Starts a session."""
        request = pb.InitiateRequest(work=work_message(work, traceparent))

        async def call() -> None:
            with answered():
                await self._stub.Initiate(request, timeout=TELL_SECONDS)

        await retrying(call, deadline_seconds=TELL_SECONDS)

    async def cancel(self, session_id: str) -> None:
        """Stops a session."""
        request = pb.CancelRequest(session_id=session_id)

        async def call() -> None:
            with answered():
                await self._stub.Cancel(request, timeout=TELL_SECONDS)

        await retrying(call, deadline_seconds=TELL_SECONDS)

    async def listen(self, alive: Alive, take: Take) -> NoReturn:
        """Follows the stream of outcomes, again and again."""
        while True:
            try:
                with answered():
                    await self._follow(alive, take)
            except (Unreachable, Refusal) as error:
                log.warning("the stream of outcomes ended: %s", error)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _follow(self, alive: Alive, take: Take) -> None:
        hello = pb.SliceDoneHello(data_manager_id=self._data_manager_id, session_ids=alive())
        call = self._stub.SliceDone()
        try:
            await call.write(pb.SliceDoneRequest(hello=hello))
            while isinstance(response := await call.read(), pb.SliceDoneResponse):
                if happened := _events(response):
                    await take(happened)
                if response.outcomes:
                    through = response.outcomes[-1].number
                    acknowledge = pb.SliceDoneAcknowledgement(through_number=through)
                    await call.write(pb.SliceDoneRequest(acknowledge=acknowledge))
            raise Unreachable("the proxy manager ended it")
        finally:
            call.cancel()


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
