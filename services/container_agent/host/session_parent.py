"""The parent of sessions as the host agent speaks with it."""

import asyncio
import json
import os
import select
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from container_agent.host.birth import Birth, encode_birth
from container_agent.host.parent_program import ParentProgram, ended, last_line

FORK_SECONDS = 20.0
# How long after a session's end its parent may take to say how it ended.
TELL_SECONDS = 2.0
MESSAGE_BYTES_MAX = 16 << 10


class ParentFailed(Exception):
    """The parent cannot fork, or is gone; the message says why."""


@dataclass(frozen=True)
class _Order:
    """A session that is awaited."""

    session_id: str
    errors: IO[bytes]
    alive: int
    born: "asyncio.Future[SessionProcess]"


class SessionParent:
    """Forks sessions on request, one at a time, and tells each one's exit code.

    When it dies, its sessions live on; only their exit codes are then not known.
    """

    def __init__(self, program: ParentProgram) -> None:
        self.gone = False
        self.was_ready = False
        self._program = program
        self._control = program.control
        self._control.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._control, self._hear)
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._order: _Order | None = None
        self._sessions: dict[int, SessionProcess] = {}

    async def fork(
        self, session_id: str, token: str, path: Path, errors: IO[bytes]
    ) -> "SessionProcess":
        """A new session, whose standard error is `errors`; ParentFailed when there is none."""
        alive, theirs = os.pipe()
        order = _Order(session_id, errors, alive, self._loop.create_future())
        try:
            async with asyncio.timeout(FORK_SECONDS):
                await asyncio.shield(self._ready)
                self._order = order
                message = encode_birth(Birth(session_id, token, str(path)))
                socket.send_fds(self._control, [message], [errors.fileno(), theirs])
                return await order.born
        except OSError as error:
            os.close(alive)
            why = error.strerror or "it does not answer"
            self._end(why)
            raise ParentFailed(why) from error
        except BaseException:
            os.close(alive)
            raise
        finally:
            os.close(theirs)
            self._order = None

    def close(self) -> None:
        """Ends the parent, and forgets the sessions that it forked."""
        self._end("it was ended")
        self._program.end()

    def _hear(self) -> None:
        try:
            while message := self._control.recv(MESSAGE_BYTES_MAX):
                self._take_in(json.loads(message))
        except BlockingIOError:
            return
        except ConnectionResetError:
            pass
        self._end(self._program.last_words())

    def _take_in(self, message: dict[str, object]) -> None:
        match message:
            case {"ready": True} if not self._ready.done():
                self.was_ready = True
                self._ready.set_result(None)
            case {"failed": str(reason)}:
                self._not_born(reason)
            case {"born": int(pid), "session_id": session_id}:
                self._is_born(pid, session_id)
            case {"ended": int(pid), "code": int(code)}:
                if process := self._sessions.pop(pid, None):
                    process.told(code)
                else:
                    self._not_born("it ended before it began")

    def _is_born(self, pid: int, session_id: object) -> None:
        order = self._order
        if order is None or order.born.done() or order.session_id != session_id:
            # Nobody waits for it any more.
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            return
        self._sessions[pid] = SessionProcess(pid, order.errors, order.alive)
        order.born.set_result(self._sessions[pid])

    def _not_born(self, reason: str) -> None:
        if self._order is not None:
            _fail(self._order.born, reason)

    def _end(self, why: str) -> None:
        """Nothing more is heard of it."""
        self.gone = True
        self._loop.remove_reader(self._control)
        _fail(self._ready, why)
        self._not_born(why)
        for process in self._sessions.values():
            process.told(None)
        self._sessions.clear()


class SessionProcess:
    """A session's process, and what it wrote on standard error.

    It is no child of this process. `alive` is a pipe whose other end it alone holds: its end of
    file is the process's end, also when the parent is gone.
    """

    # The kernel kills for want of memory whom it likes, and does not tell why.
    out_of_memory = False
    # The next session of its host sees that its process is no more.
    mark = ""

    def __init__(self, pid: int, errors: IO[bytes], alive: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._errors = errors
        self._alive: int | None = alive
        self._gone = asyncio.Event()
        self._told = asyncio.Event()
        asyncio.get_running_loop().add_reader(alive, self._forget_alive)

    def usage(self) -> None:
        """Nothing: what it does counts in the load of its host alone."""

    def told(self, code: int | None) -> None:
        """Its parent says how it ended, or can say nothing any more."""
        self.returncode = code
        self._told.set()

    def kill(self) -> None:
        """Ends it and all it started, at once."""
        if self._alive is not None and not _at_end(self._alive):
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    async def wait(self) -> str:
        """Returns when the process is gone: how it ended, in one line."""
        try:
            with self._errors:
                await self._gone.wait()
                with suppress(TimeoutError):
                    async with asyncio.timeout(TELL_SECONDS):
                        await self._told.wait()
                return last_line(self._errors) or self._ended()
        finally:
            self._forget_alive()

    def _ended(self) -> str:
        if self.returncode is None:
            return "the session ended, and nobody saw how"
        return ended(self.returncode)

    def _forget_alive(self) -> None:
        self._gone.set()
        if self._alive is not None:
            asyncio.get_running_loop().remove_reader(self._alive)
            os.close(self._alive)
            self._alive = None


def _fail(waiting: asyncio.Future[Any], why: str) -> None:
    if not waiting.done():
        waiting.set_exception(ParentFailed(why))
        waiting.exception()  # that nobody waits for it is no fault


def _at_end(alive: int) -> bool:
    """Whether the other end of a pipe is closed."""
    looking = select.poll()
    looking.register(alive, 0)
    return bool(looking.poll(0))
