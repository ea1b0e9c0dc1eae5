"""Quarantine with real sessions, and the proxy manager as a program with its options."""

import asyncio
import sys

import pytest

import proxy_manager.__main__ as manager
from hosting import until, world
from proxy_manager.core.rules import Rules
from sluicegate.v1 import proxy_manager_service_pb2 as pb


async def test_a_host_whose_sessions_cannot_begin_is_let_back_by_one_that_can(tmp_path):
    async with world(tmp_path) as w:
        rules = Rules(quarantine_seconds=0.5)
        await w.stack.enter_async_context(
            manager.running(manager.Settings((w.address,), rules=rules))
        )
        await w.host("h1", 4)
        client = await w.client()
        watching = client.stub.WatchCapacity(pb.WatchCapacityRequest())
        assert (await watching.read()).capacity.sessions == 4
        answers = await client.reserve("unborn1", "unborn2", "unborn3")
        assert {a.declined.reason for a in answers.values()} == {pb.DECLINE_REASON_START_FAILED}
        (host,) = (await client.capacity()).hosts
        assert host.closed == pb.DECLINE_REASON_QUARANTINED
        assert 0 < host.quarantine_seconds <= 0.5
        while (await watching.read()).capacity.sessions != 1:
            pass
        answers = await client.reserve("probe", "soon")
        assert answers["soon"].declined.reason == pb.DECLINE_REASON_QUARANTINED
        async with client.listening() as outcomes:
            await client.initiate("probe", "ok:1")
            await outcomes.end_of("probe")
            await client.free(4)
        watching.cancel()


async def program(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy_manager", "--listen", "127.0.0.1:0", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_it_runs_with_rules_and_a_database_of_its_own(tmp_path):
    database = tmp_path / "settings.db"
    process = await program(
        *("--placement", "pack", "--cpu-high", "0.9", "--memory-high", "0.9"),
        *("--delay-seconds", "10", "--database", str(database)),
    )
    async with asyncio.timeout(20):
        assert (await process.stdout.readline()).startswith(b"127.0.0.1:")
        await until(database.exists)
        process.terminate()
        assert await process.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--cpu-high", "0.5"), 2, "not above its high one"),
        (("--memory-low", "2"), 2, "memory-low"),
        (("--placement", "anywhere"), 2, "spread"),
        (("--database", "/no/such/place/settings.db"), 1, "name another database"),
    ],
)
async def test_options_that_cannot_be_are_refused_in_words(arguments, code, message):
    process = await program(*arguments)
    async with asyncio.timeout(20):
        _, errors = await process.communicate()
    assert process.returncode == code
    assert message in " ".join(errors.decode().replace("│", " ").split())
