"""Sessions as plain processes: the runtime for machines without a container engine."""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from container_agent.host.parent_program import SESSION_COMMAND, ParentProgram
from container_agent.host.runtime import Found, StartFailed
from container_agent.host.session_parent import ParentFailed, SessionParent, SessionProcess


class ProcessRuntime:
    """Starts each session as a process in a process group of its own.

    They are forks of one parent, which is there from the beginning of the block and is started
    anew when it has died. A session inherits no password, and gets its token privately.
    """

    def __init__(
        self,
        run_directory: Path,
        command: Sequence[str] = SESSION_COMMAND,
        program: ParentProgram | None = None,
    ) -> None:
        self._run_directory = run_directory
        self._command = command
        self._program = program
        self._parent: SessionParent | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> "ProcessRuntime":
        # What is wrong with it is told when there is a session to start.
        with suppress(OSError):
            self._parent = self._start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end_parent()

    def found(self) -> tuple[Found, ...]:
        """None: sessions that are processes end with the host agent that they speak with."""
        return ()

    async def create(
        self, session_id: str, token: str, socket: Path, data_manager_id: str
    ) -> SessionProcess:
        """Starts a session that will say hello on the socket; StartFailed when it cannot."""
        async with self._turn:
            with ExitStack() as undo:
                try:
                    errors = undo.enter_context(tempfile.TemporaryFile(dir=self._run_directory))
                    process = await self._fork(session_id, token, socket, errors)
                except (OSError, ParentFailed) as error:
                    why = getattr(error, "strerror", None) or error
                    raise StartFailed(f"cannot start {self._command[0]}: {why}") from error
                undo.pop_all()
        return process

    async def _fork(
        self, session_id: str, token: str, socket: Path, errors: IO[bytes]
    ) -> SessionProcess:
        parent = self._living_parent()
        try:
            return await parent.fork(session_id, token, socket, errors)
        except ParentFailed:
            # One that has worked before may have died since unnoticed; a new one is tried once.
            if not (parent.gone and parent.was_ready):
                raise
        return await self._living_parent().fork(session_id, token, socket, errors)

    def _living_parent(self) -> SessionParent:
        if self._parent is None or self._parent.gone:
            self._end_parent()
            self._parent = self._start()
        return self._parent

    def _start(self) -> SessionParent:
        program, self._program = self._program or ParentProgram(self._command), None
        return SessionParent(program)

    def _end_parent(self) -> None:
        if self._parent is not None:
            self._parent.close()
            self._parent = None
