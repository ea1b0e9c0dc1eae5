"""Sessions as processes: what they inherit, how they end, what is left."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from container_agent.host.birth import Birth
from container_agent.host.parent_program import ParentProgram, without_passwords
from container_agent.host.process_runtime import ProcessRuntime
from container_agent.host.runtime import StartFailed
from hosting import until


def python(code: str, before: str = "") -> tuple[str, ...]:
    """A program whose sessions do what the code says; `before` is done once, by the parent."""
    lines = f"from container_agent.host.forking import born\n{before}\nbirth = born()\n{code}"
    return (sys.executable, "-c", lines)


async def ended(directory: Path, code: str) -> str:
    async with ProcessRuntime(directory, python(code)) as runtime, asyncio.timeout(20):
        container = await runtime.create("s1", "the token", directory / "socket", "dm")
        return await container.wait()


async def test_the_last_words_on_standard_error_say_how_it_ended(tmp_path):
    code = "import sys; sys.stderr.write('first\\nlast words \\n\\n'); sys.exit(3)"
    assert await ended(tmp_path, code) == "last words"
    assert await ended(tmp_path, "raise SystemExit(3)") == "the session ended with exit code 3"
    kill = "import os; os.kill(os.getpid(), 9)"
    assert await ended(tmp_path, kill) == "the session was killed by SIGKILL"
    assert list(tmp_path.iterdir()) == []


async def test_t22_a_session_gets_its_token_privately_and_no_password(tmp_path, monkeypatch):
    monkeypatch.setenv("SLUICEGATE_PASSWORD", "canary")
    monkeypatch.setenv("RESTIC_PASSWORD_FILE", "canary")
    code = (
        "import os, pathlib, sys; own = pathlib.Path('/proc/self');"
        "seen = (own / 'environ').read_bytes() + (own / 'cmdline').read_bytes();"
        'sys.exit(f\'{birth} {b"can" b"ary" in seen} {b"the " b"token" in seen}\')'
    )
    told = await ended(tmp_path, code)
    socket = f"{tmp_path}/socket"
    birth = Birth("s1", "the token", socket)
    assert told == f"{birth} False False"


def test_t22_every_variable_that_may_hold_a_password_is_left_out():
    environment = {"PATH": "/bin", "RESTIC_PASSWORD": "x", "my_password_command": "y"}
    assert without_passwords(environment) == {"PATH": "/bin"}


async def test_a_session_has_nothing_open_that_is_not_its_own(tmp_path):
    code = (
        "import os, sys; fds = [f'/proc/self/fd/{number}' for number in range(64)];"
        "kinds = [os.readlink(fd).split(':')[0] for fd in fds if os.path.lexists(fd)];"
        "sys.exit(f'{kinds[:2]} {kinds[3:]} {os.getpid() == os.getpgrp() == os.getsid(0)}')"
    )
    null = "/dev/null"
    assert await ended(tmp_path, code) == f"['{null}', '{null}'] ['pipe'] True"


async def test_the_process_bears_the_name_of_its_session(tmp_path):
    code = "import sys; sys.exit(open('/proc/self/comm').read())"
    assert await ended(tmp_path, code) == "s1"


async def test_killing_ends_what_a_session_started_too(tmp_path):
    code = (
        "import os, subprocess, sys, time;"
        f"os.chdir({str(tmp_path)!r});"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "open('pid.tmp', 'w').write(str(child.pid)); os.rename('pid.tmp', 'pid');"
        "time.sleep(600)"
    )
    pid_file = tmp_path / "pid"
    async with ProcessRuntime(tmp_path, python(code)) as runtime, asyncio.timeout(20):
        container = await runtime.create("s1", "token", tmp_path / "socket", "dm")
        await until(pid_file.exists)
        container.kill()
        assert await container.wait() == "the session was killed by SIGKILL"
        await until(lambda: not _runs(int(pid_file.read_text())))
        container.kill()


def _status(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _runs(pid: int) -> bool:
    return _status(pid)[:1] not in ([], ["Z"], ["X"])


def _parent_of(pid: int) -> int:
    return int(_status(pid)[1])


async def test_sessions_are_created_side_by_side(tmp_path):
    began = asyncio.get_running_loop().time()
    async with ProcessRuntime(tmp_path, python("import time; time.sleep(0.5)")) as runtime:
        created = await asyncio.gather(
            *(runtime.create(f"s{n}", "token", tmp_path / "socket", "dm") for n in range(8))
        )
        await asyncio.gather(*(container.wait() for container in created))
    assert asyncio.get_running_loop().time() - began < 8 * 0.5


async def test_what_is_slow_to_load_is_loaded_once(tmp_path):
    before = f"import os; os.mkdir({str(tmp_path / 'loaded')!r})"
    async with ProcessRuntime(tmp_path, python("", before)) as runtime:
        for number in range(3):
            container = await runtime.create(f"s{number}", "token", tmp_path / "socket", "dm")
            assert await container.wait() == "the session ended with exit code 0"


async def test_f1_sessions_outlive_their_parent_and_the_next_has_a_new_one(tmp_path):
    code = "import sys; sys.stdin.read(); import time; time.sleep(600)"
    async with ProcessRuntime(tmp_path, python(code)) as runtime, asyncio.timeout(20):
        first = await runtime.create("s1", "token", tmp_path / "socket", "dm")
        parent = _parent_of(first.pid)
        os.kill(parent, signal.SIGKILL)
        await until(lambda: not _runs(parent))
        second = await runtime.create("s2", "token", tmp_path / "socket", "dm")
        assert _parent_of(second.pid) not in (parent, os.getpid())
        assert _runs(first.pid)
        for container, how in [
            (first, "the session ended, and nobody saw how"),
            (second, "the session was killed by SIGKILL"),
        ]:
            container.kill()
            assert await container.wait() == how


async def test_a_parent_ends_with_its_host_agent(tmp_path):
    pid_file = tmp_path / "pid"
    write = f"import os; open({str(pid_file)!r}, 'w').write(str(os.getpid()))"
    program = ParentProgram(python("", write))
    await until(lambda: pid_file.exists() and pid_file.read_text())
    program.control.close()
    await until(lambda: not _runs(int(pid_file.read_text())))
    program.end()


async def test_f19_what_cannot_be_started_is_told_in_one_line(tmp_path):
    async with ProcessRuntime(tmp_path, ("/no/such/program",)) as runtime:
        with pytest.raises(StartFailed, match="cannot start /no/such/program: No such file"):
            await runtime.create("s1", "token", tmp_path / "socket", "dm")
    async with ProcessRuntime(tmp_path / "missing", python("")) as full:
        with pytest.raises(StartFailed, match="cannot start"):
            await full.create("s1", "token", tmp_path / "socket", "dm")
    async with ProcessRuntime(tmp_path, python("", "raise ValueError('no use')")) as broken:
        for _ in range(2):
            with pytest.raises(StartFailed, match=r"cannot start .*: ValueError: no use"):
                await broken.create("s1", "token", tmp_path / "socket", "dm")
    assert os.listdir(tmp_path) == []
