"""Sessions as processes: what they inherit, how they end, what is left."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from container_agent.host.process_runtime import ProcessRuntime, without_passwords
from container_agent.host.sessions import StartFailed


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


async def ended(directory: Path, code: str) -> str:
    runtime = ProcessRuntime(directory, python(code))
    container = await runtime.create("s1", "the token", directory / "socket")
    async with asyncio.timeout(20):
        return await container.wait()


async def test_the_last_words_on_standard_error_say_how_it_ended(tmp_path):
    code = "import sys; sys.stderr.write('first\\nlast words \\n\\n'); sys.exit(3)"
    assert await ended(tmp_path, code) == "last words"
    assert await ended(tmp_path, "raise SystemExit(3)") == "the session ended with exit code 3"
    kill = "import os; os.kill(os.getpid(), 9)"
    assert await ended(tmp_path, kill) == "the session was killed by SIGKILL"
    assert list(tmp_path.iterdir()) == []


async def test_t22_a_session_gets_its_token_on_standard_input_and_no_password(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("SLUICEGATE_PASSWORD", "canary")
    monkeypatch.setenv("RESTIC_PASSWORD_FILE", "canary")
    code = (
        "import os, sys; seen = str(os.environ) + str(sys.argv);"
        "sys.exit(f'{sys.stdin.readline()!r} {\"canary\" in seen} {sys.argv[1:]}')"
    )
    told = await ended(tmp_path, code)
    assert told == f"'the token\\n' False ['--socket', '{tmp_path}/socket', '--session-id', 's1']"


def test_t22_every_variable_that_may_hold_a_password_is_left_out():
    environment = {"PATH": "/bin", "RESTIC_PASSWORD": "x", "my_password_command": "y"}
    assert without_passwords(environment) == {"PATH": "/bin"}


async def test_killing_ends_what_a_session_started_too(tmp_path):
    code = (
        "import subprocess, sys, time;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "open('pid.tmp', 'w').write(str(child.pid)); import os; os.rename('pid.tmp', 'pid');"
        "time.sleep(600)"
    )
    runtime = ProcessRuntime(tmp_path, python(f"import os; os.chdir({str(tmp_path)!r}); {code}"))
    container = await runtime.create("s1", "token", tmp_path / "socket")
    pid_file = tmp_path / "pid"
    async with asyncio.timeout(20):
        while not pid_file.exists():
            await asyncio.sleep(0.01)
        container.kill()
        assert await container.wait() == "the session was killed by SIGKILL"
        while _runs(int(pid_file.read_text())):
            await asyncio.sleep(0.01)
    container.kill()


def _runs(pid: int) -> bool:
    try:
        return f"{pid} (" in Path(f"/proc/{pid}/stat").read_text().split(") Z")[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_sessions_are_created_side_by_side(tmp_path):
    runtime = ProcessRuntime(tmp_path, python("import time; time.sleep(0.5)"))
    began = asyncio.get_running_loop().time()
    created = await asyncio.gather(
        *(runtime.create(f"s{n}", "token", tmp_path / "socket") for n in range(8))
    )
    await asyncio.gather(*(container.wait() for container in created))
    assert asyncio.get_running_loop().time() - began < 8 * 0.5


async def test_f19_what_cannot_be_started_is_told_in_one_line(tmp_path):
    runtime = ProcessRuntime(tmp_path, ("/no/such/program",))
    with pytest.raises(StartFailed, match="cannot start /no/such/program: No such file"):
        await runtime.create("s1", "token", tmp_path / "socket")
    full = ProcessRuntime(tmp_path / "missing", python(""))
    with pytest.raises(StartFailed, match="cannot start"):
        await full.create("s1", "token", tmp_path / "socket")
    assert os.listdir(tmp_path) == []
