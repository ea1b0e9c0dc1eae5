"""The sessions' socket: who is let in, what one may say, how one that runs ahead is slowed."""

import asyncio
import os
from contextlib import asynccontextmanager

import pytest

from container_agent.host.opened_keys import OpenedKeys
from container_agent.host.runtime import Found
from container_agent.host.session import digest
from container_agent.host.sessions import Sessions
from container_agent.host.sessions_server import served
from hosting import until, work
from sluicegate.rpc.channel import connect
from sluicegate.rpc.refusals import Reason, Refusal, understanding
from sluicegate.rpc.server import Server
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import host_service_pb2 as host_pb
from sluicegate.v1 import outcome_pb2
from sluicegate.v1 import session_service_pb2 as pb
from sluicegate.v1.session_service_pb2_grpc import SessionServiceStub


class Container:
    """A container that ends when it is killed."""

    out_of_memory = False
    mark = ""

    def __init__(self) -> None:
        self.killed = asyncio.Event()

    def kill(self) -> None:
        self.killed.set()

    async def wait(self) -> str:
        await self.killed.wait()
        return "killed"


class Runtime:
    """Makes containers that are empty, and shows their tokens: the test is the session."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}
        self.left: tuple[Found, ...] = ()

    def found(self) -> tuple[Found, ...]:
        return self.left

    async def create(self, session_id, token, socket, data_manager_id) -> Container:
        self.tokens[session_id] = token
        return Container()


class Host:
    def __init__(self, sessions, runtime, said, stub) -> None:
        self.sessions = sessions
        self.runtime = runtime
        self.said = said
        self.stub = stub

    async def hello(self, session_id: str, token: str):
        call = self.stub.Run()
        hello = pb.SessionHello(session_id=session_id, token=token)
        await call.write(pb.RunRequest(hello=hello))
        return call

    async def created(self, session_id: str):
        self.sessions.create(session_id, "dm")
        await until(lambda: session_id in self.runtime.tokens)
        call = await self.hello(session_id, self.runtime.tokens[session_id])
        await until(lambda: self.of("session_created"))
        return call

    def of(self, event: str) -> list:
        return [m for m in self.said if m.WhichOneof("event") == event]


@asynccontextmanager
async def host(tmp_path, left: tuple[Found, ...] = ()):
    said, runtime = [], Runtime()
    runtime.left = left
    socket = tmp_path / "agent.sock"
    async with asyncio.TaskGroup() as tasks:
        keys = OpenedKeys(lambda: b"secret")
        sessions = Sessions(runtime, socket, keys, said.append, tasks)
        server = Server([served(sessions)], [f"unix:{socket}"], Tracing(), reflection=False)
        sessions.expect_found()
        await server.start()
        async with connect(f"unix:{socket}", Tracing()) as channel:
            yield Host(sessions, runtime, said, SessionServiceStub(channel))
            await sessions.end_all(0, 0.1)
        await server.stop(0)


async def refused(call) -> Refusal:
    with pytest.raises(Refusal) as refusal, understanding():
        await call.read()
    return refusal.value


def outcomes(*numbers: int, session_id: str = "s1") -> pb.RunRequest:
    ends = [
        outcome_pb2.Outcome(
            session_id=session_id,
            outcome_number=n,
            slice_end=outcome_pb2.SliceEnd(slice_id="x", attempt=1),
        )
        for n in numbers
    ]
    return pb.RunRequest(outcomes=pb.OutcomeBatch(outcomes=ends))


async def test_t4_a_session_is_let_in_by_its_token_and_once(tmp_path):
    async with host(tmp_path) as h:
        h.sessions.create("s1", "dm")
        await until(lambda: h.runtime.tokens)
        for name, token in [
            ("s1", "x" * 43),
            ("s1", "\u00e9" * 20),
            ("s2", h.runtime.tokens["s1"]),
        ]:
            call = await h.hello(name, token)
            assert (await refused(call)).reason is Reason.SESSION_DENIED
        first = await h.hello("s1", h.runtime.tokens["s1"])
        await until(lambda: h.of("session_created"))
        again = await h.hello("s1", h.runtime.tokens["s1"])
        assert (await refused(again)).reason is Reason.SESSION_DENIED
        first.cancel()


async def test_t4_f28_a_session_speaks_for_itself_alone(tmp_path):
    async with host(tmp_path) as h:
        call = await h.created("s1")
        await call.write(outcomes(1, session_id="s2"))
        assert (await refused(call)).reason is Reason.SESSION_DENIED
        assert not h.of("outcomes")


async def test_f28_a_session_cannot_tell_its_own_end(tmp_path):
    async with host(tmp_path) as h:
        call = await h.created("s1")
        end = outcome_pb2.Outcome(
            session_id="s1", outcome_number=1, session_end=outcome_pb2.SessionEnd()
        )
        await call.write(pb.RunRequest(outcomes=pb.OutcomeBatch(outcomes=[end])))
        assert (await refused(call)).reason is Reason.SESSION_DENIED


async def test_t22_the_password_comes_with_the_work_once(tmp_path):
    async with host(tmp_path) as h:
        call = await h.created("s1")
        for _ in range(2):
            h.sessions.start(host_pb.StartSession(work=work("s1", "ok:1")))
        h.sessions.stop("s1", 60)
        start, then = await call.read(), await call.read()
        assert (start.start.password, start.start.work.session_id) == (b"secret", "s1")
        assert then.HasField("cancel")
        call.cancel()


async def test_what_is_said_while_the_key_is_awaited_comes_after_the_work(tmp_path):
    (tmp_path / "keys").mkdir()
    key = tmp_path / "keys" / ("0" * 64)
    os.mkfifo(key)
    async with host(tmp_path) as h:
        call = await h.created("s1")
        begun = work("s1", "ok:1")
        begun.repository.location = str(tmp_path)
        h.sessions.start(host_pb.StartSession(work=begun))
        h.sessions.tell("s1", pb.RunResponse(drain=pb.SessionDrain()))
        # Whoever reads the key is waited for, and finds nothing in it.
        os.close(await asyncio.to_thread(os.open, key, os.O_WRONLY))
        start, then = await call.read(), await call.read()
        assert (start.start.work.session_id, start.start.master_key) == ("s1", b"")
        assert then.HasField("drain")
        call.cancel()


async def test_what_waits_for_a_session_that_is_not_up_reaches_it(tmp_path):
    async with host(tmp_path) as h:
        h.sessions.create("s1", "dm")
        h.sessions.start(host_pb.StartSession(work=work("s1", "ok:1")))
        await until(lambda: h.runtime.tokens)
        call = await h.hello("s1", h.runtime.tokens["s1"])
        assert (await call.read()).HasField("start")
        call.cancel()


async def test_s18_a_session_that_runs_ahead_of_the_commits_is_not_read_from(tmp_path):
    async with host(tmp_path) as h:
        call = await h.created("s1")
        session = h.sessions.get("s1")
        for first in range(1, 2001, 100):
            await call.write(outcomes(*range(first, first + 100)))
        await until(lambda: session.relay.full)
        await asyncio.sleep(0.1)
        assert session.relay.last_number == 1100
        h.sessions.acknowledge("s1", 1100)
        await until(lambda: session.relay.last_number == 2000)
        call.cancel()


async def test_d6_what_the_host_has_is_told_anew_when_it_attaches(tmp_path):
    async with host(tmp_path) as h:
        call = await h.created("s1")
        hosted, again = h.sessions.report()
        assert [(s.session_id, s.started, s.gone) for s in hosted] == [("s1", False, False)]
        assert [message.WhichOneof("event") for message in again] == ["session_created"]
        h.sessions.start(host_pb.StartSession(work=work("s1", "ok:1")))
        await call.write(outcomes(1, 2))
        await until(lambda: h.of("outcomes"))
        call.cancel()
        await until(lambda: h.of("session_gone"))
        hosted, again = h.sessions.report()
        assert [(s.session_id, s.started, s.gone) for s in hosted] == [("s1", True, True)]
        numbers = [o.outcome_number for m in again for o in m.outcomes.outcomes]
        assert numbers == [1, 2, 3]
        h.sessions.acknowledge("s1", 3)
        assert h.sessions.report() == ([], [])


def left(container: Container) -> Found:
    """A session of an earlier process of this host agent."""
    return Found("s1", "dm", digest("t" * 32), container)


def standing(started: bool, through: int, last: int) -> pb.SessionStanding:
    return pb.SessionStanding(
        started=started, through_outcome_number=through, last_outcome_number=last
    )


async def test_f1_a_session_that_outlived_its_agent_is_adopted_where_it_stands(tmp_path):
    container = Container()
    async with host(tmp_path, (left(container),)) as h:
        adopting = asyncio.create_task(h.sessions.adopt())
        call = h.stub.Run()
        hello = pb.SessionHello(session_id="s1", token="t" * 32, standing=standing(True, 4, 6))
        await call.write(pb.RunRequest(hello=hello))
        # So it knows that it is known.
        assert (await call.read()).acknowledge.through_outcome_number == 4
        await asyncio.wait_for(adopting, 10)
        hosted, again = h.sessions.report()
        assert [(s.session_id, s.data_manager_id, s.started) for s in hosted] == [
            ("s1", "dm", True)
        ]
        assert again == []
        await call.write(outcomes(5))
        await until(lambda: h.of("outcomes"))
        # It dies before it could say its sixth again: its end is told after that all the same.
        container.kill()
        call.cancel()
        await until(lambda: h.of("session_gone"))
        told = [o.outcome_number for m in h.of("outcomes") for o in m.outcomes.outcomes]
        assert told == [5, 7]


async def test_f1_a_session_that_outlived_its_agent_and_is_silent_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("container_agent.host.sessions.ADOPT_SECONDS", 0.2)
    container = Container()
    async with host(tmp_path, (left(container),)) as h:
        await h.sessions.adopt()
        assert container.killed.is_set()
        # The proxy manager finds it missing when this host attaches.
        assert (h.sessions.report(), h.said) == (([], []), [])


async def test_t4_only_who_has_the_token_is_adopted(tmp_path):
    container = Container()
    async with host(tmp_path, (left(container),)) as h:
        adopting = asyncio.create_task(h.sessions.adopt())
        call = h.stub.Run()
        hello = pb.SessionHello(session_id="s1", token="x" * 32, standing=standing(True, 0, 0))
        await call.write(pb.RunRequest(hello=hello))
        assert (await refused(call)).reason is Reason.SESSION_DENIED
        container.kill()
        await adopting
        assert h.sessions.report() == ([], [])
