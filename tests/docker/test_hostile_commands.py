"""A proxy manager that is an enemy: what it may say to a host has no effect beyond sessions."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from docker_deployment import agent_of
from engines import Host
from hosting import until, work
from sluicegate.rpc.limits import SERVER_OPTIONS
from sluicegate.v1 import host_service_pb2 as pb
from sluicegate.v1 import host_service_pb2_grpc as pb_grpc

pytestmark = pytest.mark.slow
COMMANDS = 120
# What would be of use to who could say it to an engine or a shell.
NAMES = (
    "../../../etc/passwd", "/", "..", "--privileged", "-v=/:/host", "a; touch /tmp/owned", "$(id)",
    "`id`", "a\nb", "a\x00b", "\u202e", "x" * 5000, "{}", '{"HostConfig":{"Privileged":true}}',
    "sluicegate-a-1", "a/b", "%2e%2e", "a b", "'", '"', "\\", "label=x", "s:cap-add=ALL",
    "host", "container:1", "0", "null", "unix:///var/run/docker.sock", "?force=1", "#",
)  # fmt: skip
# Where a hostile session's work would like to write and read.
LOCATIONS = (
    "/etc", "/var/run/docker.sock", "/proc/1/root", "../../..", "s3:http://169.254.169.254/latest",
    "/run/sluicegate/agent", "file:///etc/shadow", "/dev/sda",
)  # fmt: skip


class Enemy(pb_grpc.HostServiceServicer):
    """A proxy manager that says what it is told to."""

    def __init__(self) -> None:
        self.heard: list[pb.AttachRequest] = []
        self.commands: asyncio.Queue[pb.AttachResponse] = asyncio.Queue()

    async def Attach(self, requests, context) -> AsyncIterator[pb.AttachResponse]:
        await anext(requests)
        yield pb.AttachResponse(welcome=pb.HostWelcome())
        listening = asyncio.create_task(self._listen(requests))
        try:
            while True:
                yield await self.commands.get()
        finally:
            listening.cancel()

    async def _listen(self, requests) -> None:
        async for request in requests:
            self.heard.append(request)

    def said(self, event: str) -> int:
        return sum(message.WhichOneof("event") == event for message in self.heard)


@asynccontextmanager
async def enemy(address: str) -> AsyncIterator[tuple[Enemy, str]]:
    server, servicer = grpc.aio.server(options=SERVER_OPTIONS), Enemy()
    pb_grpc.add_HostServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port(f"{address}:0")
    await server.start()
    try:
        yield servicer, f"{address}:{port}"
    finally:
        await server.stop(0)


def hostile_work(rng: random.Random, name: str) -> pb.StartSession:
    made = work(name, rng.choice(NAMES)[:90])
    made.repository.location = rng.choice(LOCATIONS)
    made.slices[0].copy.source = rng.choice(LOCATIONS).encode()
    return pb.StartSession(work=made)


def hostile_commands(seed: int) -> Iterator[pb.AttachResponse]:
    """A few of them make containers; the others are about those, and about any others."""
    rng = random.Random(seed)
    for number in range(COMMANDS):
        name = rng.choice(NAMES)
        batch = pb.AttachResponse(create=pb.CreateSession(session_id=name, data_manager_id=name))
        yield rng.choice(
            (
                pb.AttachResponse(start=hostile_work(rng, name)),
                pb.AttachResponse(drain=pb.DrainSession(session_id=name)),
                pb.AttachResponse(kill=pb.KillSession(session_id=name, grace_seconds=-1)),
                pb.AttachResponse(kill=pb.KillSession(session_id=name, grace_seconds=1e300)),
                pb.AttachResponse(acknowledge=all_of(name)),
                pb.AttachResponse(feed=pb.FeedSession()),
                pb.AttachResponse(),
                pb.AttachResponse(batch=pb.CommandBatch(commands=[batch] * (number % 2))),
            )
        )


def all_of(name: str) -> pb.AcknowledgeSession:
    return pb.AcknowledgeSession(session_id=name, through_outcome_number=2**64 - 1)


def without_own(inspected: dict) -> str:
    """What a container may do, without what names it alone."""
    kept = {key: inspected[key] for key in ("HostConfig", "Path", "Args", "Image", "Mounts")}
    # The engine tells of mounts in no order.
    kept["Mounts"] = sorted(kept["Mounts"], key=lambda mount: mount["Destination"])
    told = json.dumps(kept, sort_keys=True)
    return told.replace(inspected["Name"].lstrip("/"), "NAME")


async def test_t16_hostile_commands_have_no_effect_beyond_sessions(
    tmp_path: Path, both: list[Host]
):
    a, _ = both
    (tmp_path / "asset").mkdir()
    (tmp_path / "repository").mkdir()
    async with enemy(a.network.address) as (proxy_manager, address):
        mounts = ("--primary", tmp_path / "asset", "--repository", tmp_path / "repository")
        agent = agent_of(a, address, tmp_path, *mounts)
        await asyncio.to_thread(agent.start)
        try:
            # What an honest order makes.
            proxy_manager.commands.put_nowait(_create("honest"))
            await until(lambda: proxy_manager.said("session_created") == 1)
            (honest,) = a.containers()
            golden = without_own(a.inspect(honest))
            for name in NAMES[:6]:
                proxy_manager.commands.put_nowait(_create(name))
            await until(lambda: proxy_manager.said("session_created") == 7, 60)
            others = set(a.containers()) - {honest}
            assert len(others) == 6
            assert {without_own(a.inspect(name)) for name in others} == {golden}
            for command in hostile_commands(seed=1):
                proxy_manager.commands.put_nowait(command)
            # It still listens, and does what is honest.
            kill = pb.KillSession(session_id="honest")
            proxy_manager.commands.put_nowait(pb.AttachResponse(kill=kill))
            await until(lambda: honest not in a.containers(), 60)
            await until(lambda: proxy_manager.said("load") > 1)
            # Those that were given hostile work may end meanwhile.
            for told in _inspected(a, others):
                assert without_own(told) == golden
            kept = {path.suffix for path in (tmp_path / "run-a" / "containers").iterdir()}
            assert kept <= {".door", ".session"}
            assert not Path("/tmp/owned").exists()
            assert agent.process is not None
            assert agent.process.poll() is None
        finally:
            await asyncio.to_thread(agent.stop)
    assert a.containers() == []


def _inspected(host: Host, names: set[str]) -> list[dict]:
    """What the engine tells of those that are still there."""
    found: list[dict] = json.loads(host.docker("inspect", *names, check=False) or "[]")
    return found


def _create(name: str) -> pb.AttachResponse:
    return pb.AttachResponse(create=pb.CreateSession(session_id=name, data_manager_id=name))
