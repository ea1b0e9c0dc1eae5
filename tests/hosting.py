"""A proxy manager and its hosts for tests: real servers, real processes, real sockets."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import container_agent.__main__ as agent
import proxy_manager.__main__ as manager
from proxy_manager.core.model import Times
from sluicegate.rpc.channel import connect
from sluicegate.rpc.refusals import understanding
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import proxy_manager_service_pb2 as pb
from sluicegate.v1 import session_pb2, slice_pb2
from sluicegate.v1.proxy_manager_service_pb2_grpc import ProxyManagerServiceStub

PROGRAM = (sys.executable, str(Path(__file__).with_name("session_program.py")))
TIMES = Times(start_seconds=20, hold_seconds=30, lease_seconds=4, grace_seconds=1)


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Polls for a condition, with a deadline."""
    deadline = time.monotonic() + seconds
    while not (await done if asyncio.iscoroutine(done := condition()) else done):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.01)


def slices(*slice_ids: str) -> list[slice_pb2.Slice]:
    verify = slice_pb2.VerifyWork()
    return [slice_pb2.Slice(slice_id=id_, attempt=1, verify=verify) for id_ in slice_ids]


def work(session_id: str, *slice_ids: str, drain: bool = True) -> session_pb2.SessionWork:
    return session_pb2.SessionWork(
        session_id=session_id,
        repository=slice_pb2.Repository(location="/repository"),
        slices=slices(*slice_ids),
        drain=drain,
    )


class Client:
    """A data manager as far as the proxy manager sees it."""

    def __init__(self, channel, data_manager_id: str = "dm") -> None:
        self.stub = ProxyManagerServiceStub(channel)
        self.data_manager_id = data_manager_id

    async def reserve(self, *session_ids: str) -> dict[str, pb.ReservationAnswer]:
        request = pb.ReserveRequest(data_manager_id=self.data_manager_id, session_ids=session_ids)
        with understanding():
            response = await self.stub.Reserve(request, timeout=60)
        assert [answer.session_id for answer in response.answers] == list(session_ids)
        return {answer.session_id: answer for answer in response.answers}

    async def granted(self, *session_ids: str) -> list[str]:
        answers = await self.reserve(*session_ids)
        return [id_ for id_, answer in answers.items() if answer.HasField("granted")]

    async def initiate(self, session_id: str, *slice_ids: str, drain: bool = True) -> None:
        request = pb.InitiateRequest(work=work(session_id, *slice_ids, drain=drain))
        with understanding():
            await self.stub.Initiate(request, timeout=10)

    async def feed(self, session_id: str, *slice_ids: str) -> None:
        food = session_pb2.SessionFood(session_id=session_id, slices=slices(*slice_ids))
        with understanding():
            await self.stub.Feed(pb.FeedRequest(food=food), timeout=10)

    async def capacity(self) -> pb.CapacityResponse:
        return await self.stub.Capacity(pb.CapacityRequest(), timeout=10)

    async def free(self, sessions: int) -> None:
        """Waits until so many sessions could start."""

        async def is_free() -> bool:
            return (await self.capacity()).sessions == sessions

        await until(is_free)

    @asynccontextmanager
    async def listening(self, *believed: str, commit: bool = True) -> AsyncIterator["Outcomes"]:
        call = self.stub.SliceDone()
        hello = pb.SliceDoneHello(data_manager_id=self.data_manager_id, session_ids=believed)
        await call.write(pb.SliceDoneRequest(hello=hello))
        outcomes = Outcomes(call, commit)
        task = asyncio.create_task(outcomes.listen())
        try:
            yield outcomes
        finally:
            call.cancel()
            await asyncio.gather(task, return_exceptions=True)


class Outcomes:
    """What came on a SliceDone stream; each committed as it comes, if so wished."""

    def __init__(self, call, commit: bool) -> None:
        self.call = call
        self.commit = commit
        self.numbered: list[pb.NumberedOutcome] = []

    async def listen(self) -> None:
        async for response in self.call:
            self.numbered.extend(response.outcomes)
            if self.commit and response.outcomes:
                await self.acknowledge(response.outcomes[-1].number)

    async def acknowledge(self, number: int) -> None:
        acknowledge = pb.SliceDoneAcknowledgement(through_number=number)
        await self.call.write(pb.SliceDoneRequest(acknowledge=acknowledge))

    def of(self, session_id: str) -> list:
        return [n.outcome for n in self.numbered if n.outcome.session_id == session_id]

    async def end_of(self, session_id: str, seconds: float = 20.0):
        """The session's end, when it has come."""
        await until(lambda: any(o.HasField("session_end") for o in self.of(session_id)), seconds)
        (end,) = [o for o in self.of(session_id) if o.HasField("session_end")]
        return end.session_end


class World:
    """One proxy manager, and hosts that come and go."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.address = f"unix:{directory}/pm.sock"
        self.stack = AsyncExitStack()

    def manager_settings(self, times: Times = TIMES) -> manager.Settings:
        return manager.Settings(listen=(self.address,), times=times)

    def host_settings(
        self, name: str = "h1", sessions_max: int = 4, command: tuple[str, ...] = PROGRAM
    ) -> agent.Settings:
        return agent.Settings(
            proxy_manager=self.address,
            host_name=name,
            sessions_max=sessions_max,
            run_directory=self.directory / name,
            password=lambda: b"secret",
            session_command=command,
        )

    async def manager(self, times: Times = TIMES) -> None:
        await self.stack.enter_async_context(manager.running(self.manager_settings(times)))

    async def host(self, *args, **kwargs) -> None:
        settings = self.host_settings(*args, **kwargs)
        await self.stack.enter_async_context(agent.running(settings))

    async def client(self, data_manager_id: str = "dm") -> Client:
        channel = connect(self.address, Tracing())
        await self.stack.enter_async_context(channel)
        return Client(channel, data_manager_id)


@asynccontextmanager
async def world(directory: Path) -> AsyncIterator[World]:
    made = World(directory)
    async with made.stack:
        yield made
