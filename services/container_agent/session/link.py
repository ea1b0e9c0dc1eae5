"""A session's call to the agent of its host: one stream for its life."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc

from sluicegate.v1 import outcome_pb2, session_service_pb2
from sluicegate.v1.session_service_pb2_grpc import SessionServiceStub

HELLO_SECONDS = 10.0
GOODBYE_SECONDS = 5.0


class LinkBroken(Exception):
    """The host agent is gone, and with it whoever could hear of this session's work."""


class Link:
    """The stream. One task speaks and one listens; neither may be two."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        stub: Any = SessionServiceStub(channel)
        self._call = stub.Run()
        self._leaving = False

    async def hello(self, session_id: str, token: str) -> None:
        """Says who this is; the first message."""
        hello = session_service_pb2.SessionHello(session_id=session_id, token=token)
        async with asyncio.timeout(HELLO_SECONDS):
            await self._say(session_service_pb2.RunRequest(hello=hello))

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
                await self._say(session_service_pb2.RunRequest(goodbye=goodbye))
                await self._call.done_writing()
                await self._call.code()
        except TimeoutError:
            self._call.cancel()

    async def _say(self, request: session_service_pb2.RunRequest) -> None:
        try:
            await self._call.write(request)
        except (grpc.RpcError, asyncio.InvalidStateError) as error:
            raise LinkBroken("the host agent does not listen any more") from error

    async def commands(self) -> AsyncIterator[session_service_pb2.RunResponse]:
        """What the host agent says. Before the goodbye it never ends but by breaking."""
        while True:
            try:
                command = await self._call.read()
            except grpc.RpcError as error:
                if self._leaving:
                    return
                raise LinkBroken("the host agent is gone") from error
            if command is grpc.aio.EOF:
                if self._leaving:
                    return
                raise LinkBroken("the host agent has ended the call")
            yield command
