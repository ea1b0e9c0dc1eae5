"""What operators steer proxy hosts with, at a proxy manager and agents that are real."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import container_agent.__main__ as agent
from cli.test_runs import ended, run, start
from commands import BIN, environment
from hosting import Client, World, until, world
from scripted import ScriptedHost
from sluicegate.rpc.tasks import beside
from sluicegate.v1 import proxy_manager_service_pb2 as pb


@pytest.fixture
async def deployed(tmp_path: Path) -> AsyncIterator[World]:
    """A proxy manager with the hosts h1 and h2, of two places each."""
    async with world(tmp_path) as w:
        await w.manager()
        await w.host("h1", 2)
        await w.host("h2", 2)
        await (await w.client()).free(4)
        yield w


async def command(deployed: World, *words: object, code: int = 0) -> str:
    """What the command prints, or says when it is to fail."""
    got, out, said = await run(*words, "--proxy-manager", deployed.address)
    assert got == code, said
    return said if code else out


async def shown(deployed: World, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(await command(deployed, "hosts", name, "--json"))
    return found


async def test_hosts_are_listed_with_their_places(deployed: World):
    client: Client = await deployed.client()
    await client.granted("s1")
    head, *rows = [line.split() for line in (await command(deployed, "hosts")).splitlines()]
    assert head[:7] == ["HOST", "STATE", "LIMIT", "RUNNING", "RESERVED", "ENDING", "FREE"]
    assert [row[:3] for row in rows] == [["h1", "attached", "2"], ["h2", "attached", "2"]]
    assert sorted(row[4] for row in rows) == ["0", "1"]
    objects = [json.loads(o) for o in (await command(deployed, "hosts", "--json")).splitlines()]
    assert [(o["host"], o["state"], o["offered"]) for o in objects] == [
        ("h1", "attached", 2), ("h2", "attached", 2),
    ]  # fmt: skip


async def test_r80_the_load_that_a_host_told_last_is_shown(tmp_path: Path):
    async with world(tmp_path) as w:
        await w.manager()
        async with beside(ScriptedHost(w.address, 2).run()):

            async def is_told() -> bool:
                hosts = (await command(w, "hosts", "--json")).splitlines()
                return [json.loads(told)["pressure"] for told in hosts] == [0.25]

            await until(is_told)
            [line] = (await command(w, "hosts")).splitlines()[1:]
            assert line.split()[7:10] == ["10%", "10%", "25%"]
            shown = await command(w, "hosts", line.split()[0])
            assert "pressure   25% of the time something waits for storage or memory" in shown


async def test_a_host_is_shown_with_its_sessions(deployed: World):
    client = await deployed.client("dm-7")
    await client.granted("s1", "s2", "s3", "s4")
    out = await command(deployed, "hosts", "h1")
    assert "sessions   0 running, 2 reserved, 0 ending" in out
    assert "why none   every place is taken" in out
    assert out.count("held") == 2 and out.count("dm-7") == 2


async def test_r57_a_host_is_limited_and_takes_what_it_says_again(deployed: World):
    await command(deployed, "limit-host", "h1", 1)
    assert (await shown(deployed, "h1"))["free"] == 1
    assert "1 (1, set by an operator; it says 2)" in await command(deployed, "hosts", "h1")
    await command(deployed, "limit-host", "h1", 0)
    assert (await shown(deployed, "h1"))["free"] == 2


async def test_f20_drain_host_waits_until_no_session_is_left(deployed: World):
    client = await deployed.client()
    async with client.listening() as outcomes:
        await client.granted("s1", "s2")
        on_h1 = [s["session_id"] for s in (await shown(deployed, "h1"))["sessions"]]
        said = await command(deployed, "drain-host", "h1", "--wait", "--timeout", "0", code=1)
        assert "h1 drains, and has sessions" in said
        waiting = await start("drain-host", "h1", "--wait", "--proxy-manager", deployed.address)
        for session_id in on_h1:
            await client.initiate(session_id, "ok:1", drain=False)
            await outcomes.end_of(session_id)
        code, _, said = await ended(waiting)
        assert (code, said) == (0, "")
    drained = await shown(deployed, "h1")
    assert (drained["draining"], drained["sessions"], drained["closed"]) == (
        True, [], "HOST_DRAINING",
    )  # fmt: skip
    assert "drained" in await command(deployed, "hosts")
    await command(deployed, "resume-host", "h1")
    assert (await shown(deployed, "h1"))["free"] == 2


async def test_f20_a_host_that_is_there_is_not_removed_and_says_what_to_do(deployed: World):
    assert "stop its agent" in await command(deployed, "remove-host", "h1", code=1)


async def test_f20_a_host_that_is_away_is_listed_until_it_is_removed(tmp_path: Path):
    async with world(tmp_path) as w:
        await w.manager()
        async with agent.running(w.host_settings("h1", 2)):
            await (await w.client()).free(2)
            await command(w, "drain-host", "h1")

        async def is_away() -> bool:
            return (await shown(w, "h1"))["state"] == "away"

        await until(is_away)
        assert (await shown(w, "h1"))["draining"]
        await command(w, "remove-host", "h1")
        assert (await command(w, "hosts", "--json")) == ""
        assert "no host h1 is known" in await command(w, "hosts", "h1", code=1)


async def test_r71_capacity_is_announced_to_who_watches(deployed: World):
    client = await deployed.client()
    watching = client.stub.WatchCapacity(pb.WatchCapacityRequest())
    await watching.read()
    await command(deployed, "announce-capacity")
    assert (await watching.read()).announced
    watching.cancel()


async def test_who_does_not_answer_is_named(tmp_path: Path):
    code, _, said = await run("hosts", "--proxy-manager", f"unix:{tmp_path}/none")
    assert code == 1
    assert f"no proxy manager answers at unix:{tmp_path}/none" in said


async def test_states_are_coloured_on_a_terminal_alone(deployed: World):
    words = ["hosts", "--proxy-manager", deployed.address]
    assert "\x1b[" not in await command(deployed, "hosts")
    assert "\x1b[32mattached" in await on_terminal(*words)
    assert "\x1b[" not in await on_terminal(*words, env={"NO_COLOR": "1"})


async def on_terminal(*words: str, env: dict[str, str] | None = None) -> str:
    """What the command prints on a terminal."""
    ours, theirs = os.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            BIN / "sluicegate", *words, env=environment(env), stdout=theirs
        )
        assert await asyncio.wait_for(process.wait(), 30) == 0
        return os.read(ours, 1 << 16).decode()
    finally:
        os.close(ours)
        os.close(theirs)
