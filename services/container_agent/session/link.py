"""A session's call to the agent of its host: one stream for its life, or for its host agent's."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import grpc

from container_agent.session.outbox import Outbox
from sluicegate.v1 import outcome_pb2, session_service_pb2
from sluicegate.v1.session_service_pb2_grpc import SessionServiceStub

HELLO_SECONDS = 10.0
GOODBYE_SECONDS = 5.0
AGAIN_SECONDS = 0.2


class LinkBroken(Exception):
    """The host agent is gone, and with it whoever could hear of this session's work."""


class Link:
    """The stream. One task speaks and one listens; neither may be two.

    When it breaks, a host agent that is started anew within `redial_seconds` is told how far this
    session is, and the stream goes on: the task that listens dials, the one that speaks waits.
    Then `renewed` is set, and what was said and is not acknowledged has to be said again, all of it
    and in order, before anything new: the one before may have passed on none of it.
    """

    def __init__(self, dial: Callable[[], grpc.aio.Channel], redial_seconds: float = 0.0) -> None:
        self._dial = dial
        self._redial_seconds = redial_seconds
        self._leaving = False
        self.renewed = False
        self._redialled = asyncio.Event()
        self._hello = session_service_pb2.SessionHello()
        self._channel = dial()
        self._call = _run(self._channel)

    async def hello(self, session_id: str, token: str) -> None:
        """Says who this is; the first message."""
        self._hello.session_id, self._hello.token = session_id, token
        async with asyncio.timeout(HELLO_SECONDS):
            await self._say(session_service_pb2.RunRequest(hello=self._hello))

    async def outcomes(self, batch: Sequence[outcome_pb2.Outcome]) -> None:
        """Says what happened."""
        message = session_service_pb2.OutcomeBatch(outcomes=batch)
        await self._say(session_service_pb2.RunRequest(outcomes=message))

    async def progress(self, progress: outcome_pb2.Progress) -> None:
        """Says how far the running slice is."""
        await self._say(session_service_pb2.RunRequest(progress=progress))

    async def goodbye(self) -> None:
        """Says that nothing is left, and waits a little for the host agent to have heard it."""
        goodbye = session_service_pb2.SessionGoodbye()
        self._leaving = True
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._call.write(session_service_pb2.RunRequest(goodbye=goodbye))
                await self._call.done_writing()
                await self._call.code()
        except (TimeoutError, grpc.RpcError, asyncio.InvalidStateError):
            # All is committed; how it ended is told by its end.
            self._call.cancel()

    async def commands(
        self, standing: Callable[[], session_service_pb2.SessionStanding]
    ) -> AsyncIterator[session_service_pb2.RunResponse]:
        """What the host agent says. Before the goodbye it never ends but by breaking.

        `standing` is how far the session is when a host agent has to be told.
        """
        while True:
            command = await _next(self._call)
            if command is None and self._leaving:
                return
            yield command or await self._redial(standing)

    async def _say(self, request: session_service_pb2.RunRequest) -> None:
        """Says something; what a broken call does not take is lost, and the next one waited for."""
        call = self._call
        try:
            await call.write(request)
        except (grpc.RpcError, asyncio.InvalidStateError) as error:
            if not self._redial_seconds:
                raise LinkBroken("the host agent does not listen any more") from error
            while call is self._call:
                self._redialled.clear()
                await self._redialled.wait()

    async def _redial(
        self, standing: Callable[[], session_service_pb2.SessionStanding]
    ) -> session_service_pb2.RunResponse:
        """The first word of a host agent that knows this session."""
        try:
            async with asyncio.timeout(self._redial_seconds):
                while True:
                    if (command := await self._dialled(standing())) is not None:
                        return command
                    await asyncio.sleep(AGAIN_SECONDS)
        except TimeoutError as error:
            raise LinkBroken("the host agent is gone") from error

    async def _dialled(
        self, standing: session_service_pb2.SessionStanding
    ) -> session_service_pb2.RunResponse | None:
        """One try; LinkBroken when the host agent is there and will not have this session."""
        # A channel that has failed before waits longer each time; a new one dials at once.
        channel = self._dial()
        call = _run(channel)
        self._hello.standing.CopyFrom(standing)
        try:
            await call.write(session_service_pb2.RunRequest(hello=self._hello))
            command: Any = await call.read()
        except (grpc.RpcError, asyncio.InvalidStateError):
            command = grpc.aio.EOF
        if command is grpc.aio.EOF:
            code = await call.code()
            await channel.close()
            if code is grpc.StatusCode.PERMISSION_DENIED:
                raise LinkBroken("the host agent was started anew and does not know this session")
            return None
        left, self._channel = self._channel, channel
        self._call, self.renewed = call, True
        self._redialled.set()
        await left.close()
        return command  # type: ignore[no-any-return]  # checked by what the stub reads


def standing_of(
    start: session_service_pb2.SessionStart | None, outbox: Outbox
) -> session_service_pb2.SessionStanding:
    """How far a session is, for a host agent that does not know."""
    return session_service_pb2.SessionStanding(
        started=start is not None,
        location=start.work.repository.location if start is not None else "",
        through_outcome_number=outbox.acknowledged_number,
        last_outcome_number=outbox.last_number,
    )


def _run(channel: grpc.aio.Channel) -> Any:  # noqa: ANN401  # as grpc has it
    stub: Any = SessionServiceStub(channel)
    return stub.Run()


async def _next(call: Any) -> session_service_pb2.RunResponse | None:  # noqa: ANN401
    """What is said next; None when the call is over."""
    try:
        command = await call.read()
    except grpc.RpcError:
        return None
    return None if command is grpc.aio.EOF else command
