"""Proxy managers as a data manager sees them, the fake and the true one, and who listens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from data_manager.assignments import Assignment
from data_manager.core import events
from data_manager.core.model import (
    Request,
    Run,
    RunKind,
    Session,
    SessionState,
    Slice,
    SliceKind,
    SliceState,
    Task,
)
from data_manager.core.options import Method
from data_manager.ports import Listener, Proxies
from data_manager.proxies import RemoteProxies
from fakes import FakeProxies
from proxy_manager import __main__ as proxy_manager
from proxy_manager.core.model import Times
from scripted import ScriptedHost
from sluicegate.rpc.channel import connect
from sluicegate.rpc.refusals import Unreachable
from sluicegate.rpc.tasks import beside
from sluicegate.rpc.tracing import Tracing

PLACES = 3


def session_of(session_id: str, method: Method = Method.BATCH) -> Session:
    return Session(session_id, "v", SessionState.INITIATING, ("v:0",), method, "/repo")


def assignment(number: int = 0, attempt: int = 1) -> Assignment:
    run = Run("v", Request(RunKind.VERIFY, "/repo"))
    name, kind = f"v:{number}", SliceKind.VERIFY
    slice_ = Slice(name, "v", number, kind, None, SliceState.RUNNING, attempt)
    return Assignment(Task(run, slice_), "")


@dataclass
class Heard:
    """Listens; what it refuses to take is not taken in."""

    believed: list[str] = field(default_factory=list)
    outcomes: list[events.Outcome] = field(default_factory=list)
    taking: bool = True
    refused: int = 0
    connections: int = 0
    growths: int = 0

    def listener(self) -> Listener:
        return Listener(lambda: self.believed, self.connected, self.take, self.grew)

    async def connected(self) -> None:
        self.connections += 1

    async def grew(self) -> None:
        self.growths += 1

    async def take(self, outcomes) -> None:
        if not self.taking:
            self.refused += 1
            raise Unreachable("not now")
        self.outcomes += outcomes

    def done(self) -> list[str]:
        return [e.slice_id for e in self.outcomes if isinstance(e, events.SliceEnded)]

    def ends(self) -> list[str]:
        return [e.session_id for e in self.outcomes if isinstance(e, events.SessionEnded)]


@asynccontextmanager
async def fake() -> AsyncIterator[Proxies]:
    yield FakeProxies(PLACES)


@asynccontextmanager
async def reached() -> AsyncIterator[tuple[RemoteProxies, str]]:
    """A true proxy manager without a host, and where it serves."""
    settings = proxy_manager.Settings(("127.0.0.1:0",), times=Times(lease_seconds=1.0))
    async with (
        proxy_manager.running(settings) as [address],
        connect(address, Tracing()) as channel,
    ):
        yield RemoteProxies(channel, "dm-test"), address


@asynccontextmanager
async def remote() -> AsyncIterator[Proxies]:
    async with reached() as (proxies, address):
        host = ScriptedHost(address, PLACES)
        async with beside(host.run()):
            await asyncio.wait_for(host.attached.wait(), 10)
            yield proxies
