"""Sessions as plain processes: the runtime for machines without a container engine."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from container_agent.host.sessions import StartFailed

# -P: a session must not import what lies about in the directory it is started in.
SESSION_COMMAND = (sys.executable, "-P", "-m", "container_agent.session")
TAIL_BYTES = 4096
# glibc gives every buffer of a MiB back to the system at once, and each comes again as 256 page
# faults: measured, a sixth of a session's time.
MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
    "MALLOC_ARENA_MAX": "1",
}


class ProcessRuntime:
    """Starts each session as a process in a process group of its own.

    It inherits no password, and gets its token on standard input, never as an argument.
    """

    def __init__(self, run_directory: Path, command: Sequence[str] = SESSION_COMMAND) -> None:
        self._run_directory = run_directory
        self._command = command

    async def create(self, session_id: str, token: str, socket: Path) -> "SessionProcess":
        """Starts a session that will say hello on the socket; StartFailed when it cannot."""
        with ExitStack() as undo:
            try:
                errors = undo.enter_context(tempfile.TemporaryFile(dir=self._run_directory))
                process = await self._spawn(session_id, socket, errors)
            except OSError as error:
                raise StartFailed(f"cannot start {self._command[0]}: {error.strerror}") from error
            undo.pop_all()
        await _hand_over(process, token)
        return SessionProcess(process, errors)

    async def _spawn(
        self, session_id: str, socket: Path, errors: IO[bytes]
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._command,
            "--socket",
            str(socket),
            "--session-id",
            session_id,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=errors,
            env=MEMORY | without_passwords(os.environ),
            start_new_session=True,
        )


class SessionProcess:
    """A session's process, and what it wrote on standard error."""

    def __init__(self, process: asyncio.subprocess.Process, errors: IO[bytes]) -> None:
        self._process = process
        self._errors = errors

    def kill(self) -> None:
        """Ends it and all it started, at once."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def wait(self) -> str:
        """Returns when the process is gone: how it ended, in one line."""
        with self._errors:
            code = await self._process.wait()
            return _last_line(self._errors) or _ended(code)


def without_passwords(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without every variable that may hold a password."""
    return {name: value for name, value in environment.items() if "PASSWORD" not in name.upper()}


async def _hand_over(process: asyncio.subprocess.Process, token: str) -> None:
    assert process.stdin is not None
    # One that dies at once breaks the pipe; that it died is told by its end.
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(f"{token}\n".encode())
        await process.stdin.drain()
    process.stdin.close()


def _last_line(errors: IO[bytes]) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - TAIL_BYTES))
    lines = errors.read().decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _ended(code: int) -> str:
    if code < 0:
        return f"the session was killed by {signal.Signals(-code).name}"
    return f"the session ended with exit code {code}"
