"""A session's call to its host agent, when that is started anew."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from container_agent.session.link import Link, LinkBroken
from sluicegate.rpc.channel import connect
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import outcome_pb2
from sluicegate.v1 import session_service_pb2 as pb
from sluicegate.v1 import session_service_pb2_grpc as pb_grpc


class Agent(pb_grpc.SessionServiceServicer):
    """A host agent that notes what it hears, and says a word to who comes."""

    def __init__(self, known: bool = True) -> None:
        self.heard: list[pb.RunRequest] = []
        self.known = known

    async def Run(self, requests, context) -> AsyncIterator[pb.RunResponse]:
        self.heard.append(await anext(requests))
        if not self.known:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "not known")
        yield pb.RunResponse(acknowledge=pb.Acknowledgement(through_outcome_number=3))
        async for request in requests:
            self.heard.append(request)


@asynccontextmanager
async def serving(path: Path, agent: Agent) -> AsyncIterator[None]:
    path.unlink(missing_ok=True)
    server = grpc.aio.server()
    pb_grpc.add_SessionServiceServicer_to_server(agent, server)
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    try:
        yield
    finally:
        await server.stop(0)


def link_to(path: Path, redial_seconds: float) -> Link:
    return Link(lambda: connect(f"unix:{path}", Tracing()), redial_seconds)


def standing() -> pb.SessionStanding:
    return pb.SessionStanding(started=True, through_outcome_number=3, last_outcome_number=5)


async def said(heard: list[pb.RunRequest], condition: Callable[[pb.RunRequest], bool]) -> None:
    async with asyncio.timeout(20):
        while not any(map(condition, heard)):
            await asyncio.sleep(0.01)


async def test_f1_it_dials_again_says_how_far_it_is_and_goes_on(tmp_path: Path):
    path = tmp_path / "sock"
    link = link_to(path, 20.0)
    commands = link.commands(standing)
    first, second = Agent(), Agent()
    async with serving(path, first):
        await link.hello("s1", "t" * 32)
        assert (await anext(commands)).acknowledge.through_outcome_number == 3
        assert not first.heard[0].hello.HasField("standing")
    listening = asyncio.ensure_future(anext(commands))
    # Who speaks meanwhile waits until somebody listens; what was said first is to be said first.
    speaking = asyncio.create_task(link.outcomes([outcome_pb2.Outcome(outcome_number=5)]))
    async with serving(path, second):
        assert (await listening).HasField("acknowledge")
        await asyncio.wait_for(speaking, 20)
        assert link.renewed
        assert len(second.heard) == 1
        await link.outcomes([outcome_pb2.Outcome(outcome_number=4)])
        await said(second.heard, lambda request: request.HasField("outcomes"))
    hello = second.heard[0].hello
    assert (hello.session_id, hello.token, hello.standing) == ("s1", "t" * 32, standing())


@pytest.mark.parametrize("redial_seconds", [0.0, 0.5])
async def test_f1_nobody_comes_back(tmp_path: Path, redial_seconds: float):
    path = tmp_path / "sock"
    link = link_to(path, redial_seconds)
    commands = link.commands(standing)
    async with serving(path, Agent()):
        await link.hello("s1", "t" * 32)
        await anext(commands)
    with pytest.raises(LinkBroken, match="the host agent is gone"):
        await anext(commands)


async def test_a_host_agent_that_does_not_know_it_ends_it_at_once(tmp_path: Path):
    path = tmp_path / "sock"
    link = link_to(path, 60.0)
    commands = link.commands(standing)
    async with serving(path, Agent()):
        await link.hello("s1", "t" * 32)
        await anext(commands)
    async with serving(path, Agent(known=False)):
        with pytest.raises(LinkBroken, match="does not know this session"):
            await asyncio.wait_for(anext(commands), 20)
