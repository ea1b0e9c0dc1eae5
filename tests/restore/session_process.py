"""A host agent as far as one session needs it, and the session process that talks to it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc

from container_agent.host.process_runtime import ProcessRuntime
from container_agent.host.session_parent import SessionProcess
from sluicegate.v1 import outcome_pb2, session_pb2, session_service_pb2, slice_pb2
from sluicegate.v1.session_service_pb2_grpc import (
    SessionServiceServicer,
    add_SessionServiceServicer_to_server,
)

TOKEN = "a-token-that-nobody-guesses"
SESSION = "session-1"
DEADLINE_SECONDS = 20.0


async def until(condition: Callable[[], bool], seconds: float = DEADLINE_SECONDS) -> None:
    """Waits for a condition, not for ever."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.01)


class HostAgent(SessionServiceServicer):
    """Hears what a session says, says what a test wants."""

    def __init__(self) -> None:
        self.heard: list[session_service_pb2.RunRequest] = []
        self.to_say: asyncio.Queue[session_service_pb2.RunResponse] = asyncio.Queue()
        self.acknowledging = True

    async def Run(self, requests, context):
        listening = asyncio.create_task(self._listen(requests))
        saying = asyncio.create_task(self.to_say.get())
        while not listening.done():
            await asyncio.wait((listening, saying), return_when=asyncio.FIRST_COMPLETED)
            if saying.done():
                yield saying.result()
                saying = asyncio.create_task(self.to_say.get())
        saying.cancel()

    async def _listen(self, requests) -> None:
        async for request in requests:
            self.heard.append(request)
            if self.acknowledging and request.outcomes.outcomes:
                self.acknowledge(request.outcomes.outcomes[-1].outcome_number)

    def say(self, **command) -> None:
        self.to_say.put_nowait(session_service_pb2.RunResponse(**command))

    def start(
        self, repository: Path, password: bytes, slices: Iterable[slice_pb2.Slice], drain=True
    ) -> None:
        work = session_pb2.SessionWork(
            session_id=SESSION,
            repository=slice_pb2.Repository(location=str(repository)),
            slices=slices,
            drain=drain,
        )
        self.say(start=session_service_pb2.SessionStart(work=work, password=password))

    def feed(self, slices: Iterable[slice_pb2.Slice]) -> None:
        self.say(feed=session_pb2.SessionFood(session_id=SESSION, slices=slices))

    def drain(self) -> None:
        self.say(drain=session_service_pb2.SessionDrain())

    def cancel(self) -> None:
        self.say(cancel=session_service_pb2.SessionCancel())

    def acknowledge(self, number: int) -> None:
        self.say(acknowledge=session_service_pb2.Acknowledgement(through_outcome_number=number))

    def said(self, kind: str) -> list[session_service_pb2.RunRequest]:
        return [request for request in self.heard if request.WhichOneof("event") == kind]

    def outcomes(self) -> list[outcome_pb2.Outcome]:
        return [o for request in self.said("outcomes") for o in request.outcomes.outcomes]

    def ends(self) -> list[outcome_pb2.SliceEnd]:
        return [o.slice_end for o in self.outcomes() if o.HasField("slice_end")]


class Session:
    """A session process and the host agent that it talks to."""

    def __init__(
        self,
        agent: HostAgent,
        server: grpc.aio.Server,
        process: SessionProcess,
        waiting: asyncio.Task[str],
    ) -> None:
        self.agent = agent
        self.server = server
        self.process = process
        self.waiting = waiting

    async def exit_code(self, seconds: float = DEADLINE_SECONDS) -> int | None:
        async with asyncio.timeout(seconds):
            await asyncio.shield(self.waiting)
        return self.process.returncode


@asynccontextmanager
async def session_process(directory: Path) -> AsyncIterator[Session]:
    """A session process that has said hello; killed at the end, if it still lives."""
    agent = HostAgent()
    server = grpc.aio.server()
    add_SessionServiceServicer_to_server(agent, server)
    server.add_insecure_port(f"unix:{directory}/agent.sock")
    await server.start()
    async with ProcessRuntime(directory) as runtime:
        process = await runtime.create(SESSION, TOKEN, directory / "agent.sock", "dm")
        waiting = asyncio.create_task(process.wait())
        try:
            await until(lambda: bool(agent.said("hello")))
            yield Session(agent, server, process, waiting)
        finally:
            process.kill()
            await waiting
            await server.stop(0)
