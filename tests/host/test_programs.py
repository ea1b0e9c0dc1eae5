"""The proxy manager and the container agent as programs: started, told to end, misused."""

import asyncio
import os
import sys

import pytest

from container_agent.__main__ import NotAttached, running
from hosting import PROGRAM, until, world
from sluicegate.rpc.refusals import Reason, Refusal


class Program:
    """A console script that runs, and what it wrote."""

    def __init__(self, process) -> None:
        self.process = process

    async def line(self) -> str:
        async with asyncio.timeout(20):
            return (await self.process.stdout.readline()).decode().strip()

    async def end(self) -> tuple[int, str]:
        async with asyncio.timeout(30):
            _, errors = await self.process.communicate()
        return self.process.returncode, errors.decode()

    async def terminate(self) -> int:
        self.process.terminate()
        code, _ = await self.end()
        return code


async def program(module: str, *arguments: str, **variables: str) -> Program:
    environment = {k: v for k, v in os.environ.items() if "PASSWORD" not in k}
    return Program(
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment | variables,
        )
    )


async def test_r1_both_run_alone_over_tcp_and_end_when_told(tmp_path):
    manager = await program("proxy_manager", "--listen", "127.0.0.1:0")
    address = await manager.line()
    assert address.startswith("127.0.0.1:")
    agent = await program(
        "container_agent",
        *("--proxy-manager", address, "--host-name", "h1", "--run-directory", str(tmp_path)),
        SLUICEGATE_PASSWORD="secret",
    )
    assert await agent.line() == f"h1 attached to {address}"
    assert await agent.terminate() == 0
    assert await manager.terminate() == 0


async def test_what_is_wrong_is_said_in_one_line(tmp_path):
    without_password, in_use = await asyncio.gather(
        program("container_agent", "--run-directory", str(tmp_path)),
        program("proxy_manager", "--listen", "unix:/no/such/directory/socket"),
    )
    code, errors = await without_password.end()
    assert (code, errors.count("\n")) == (1, 1)
    assert errors.startswith("container-agent: no repository password: give --password-file")
    code, errors = await in_use.end()
    assert code == 1
    assert "proxy-manager: cannot listen on unix:/no/such/directory/socket" in errors


async def test_a_host_without_a_proxy_manager_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("container_agent.__main__.ATTACH_SECONDS", 0.5)
    async with world(tmp_path) as w:
        with pytest.raises(NotAttached, match="no proxy manager answers at unix:"):
            async with running(w.host_settings()):
                pass


async def test_two_hosts_of_one_name_are_told_apart(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        settings = w.host_settings()
        second = w.host_settings("other").__class__(
            settings.proxy_manager, "h1", 4, tmp_path / "other", settings.password, PROGRAM
        )
        with pytest.raises(Refusal, match="give each its own name") as refused:
            async with running(settings), running(second):
                await until(lambda: False)
        assert refused.value.reason is Reason.HOST_SUPERSEDED


async def test_what_fails_inside_the_block_comes_out_as_itself(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        with pytest.raises(ZeroDivisionError):
            async with running(w.host_settings()):
                raise ZeroDivisionError
