"""The sessions of this host: from the order to create one until its last outcome is committed."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from container_agent.host.opened_keys import OpenedKeys
from container_agent.host.relay import batches
from container_agent.host.reports import created, relayed, session_end
from container_agent.host.runtime import START_SECONDS, Runtime, StartFailed
from container_agent.host.session import Session, new_token
from sluicegate.rpc.text import one_line
from sluicegate.v1 import host_service_pb2 as pb
from sluicegate.v1 import load_pb2, outcome_pb2, session_pb2
from sluicegate.v1 import session_service_pb2 as session_pb

log = logging.getLogger(__name__)
# How long a session may take to end after its goodbye, to be heard out after its end, and to end
# after its call broke.
LEAVE_SECONDS = 10.0
HEAR_OUT_SECONDS = 5.0
DIE_SECONDS = 2.0


ADOPT_SECONDS = 8.0


class Sessions:
    """Does what the proxy manager orders, and says what becomes of it.

    `say` reaches the proxy manager or is lost; `report` is everything again, for when the host
    attaches anew.
    """

    def __init__(
        self,
        runtime: Runtime,
        socket: Path,
        keys: OpenedKeys,
        say: Callable[[pb.AttachRequest], None],
        tasks: asyncio.TaskGroup,
        cache_directory: Path | None = None,
    ) -> None:
        self._runtime = runtime
        self._socket = socket
        self._keys = keys
        self._say = say
        self._tasks = tasks
        self._cache_directory = b"" if cache_directory is None else bytes(cache_directory)
        self._sessions: dict[str, Session] = {}
        self._changed = asyncio.Event()

    def get(self, session_id: str) -> Session | None:
        """The session of a name, if this host has it."""
        return self._sessions.get(session_id)

    def report(self) -> tuple[list[pb.HostedSession], list[pb.AttachRequest]]:
        """What there is, and what has to be said again about it."""
        hosted, again = [], []
        for session in self._sessions.values():
            hosted.append(
                pb.HostedSession(
                    session_id=session.session_id,
                    data_manager_id=session.data_manager_id,
                    started=session.started,
                    gone=session.gone,
                )
            )
            if session.hello.is_set() and not session.started and not session.gone:
                again.append(created(session))
            again.extend(relayed(session.relay))
        return hosted, again

    def usage(self) -> Iterator[load_pb2.SessionUsage]:
        """What the sessions use of this host, as far as their containers tell."""
        for session in self._sessions.values():
            used = session.container.usage() if session.container else None
            if used is not None:
                yield load_pb2.SessionUsage(session_id=session.session_id, **asdict(used))

    def create(self, session_id: str, data_manager_id: str) -> None:
        """Begins to make a container; many at once. One that is there already is the answer."""
        known = self._sessions.get(session_id)
        if known is None:
            session = Session(session_id, data_manager_id, new_token())
            self._sessions[session_id] = session
            self._tasks.create_task(self._live(session))
        elif known.hello.is_set() and not known.gone:
            self._say(created(known))

    def start(self, work: pb.StartSession) -> None:
        """Gives a session its work. Twice is once."""
        session = self._sessions.get(work.work.session_id)
        if session is None or session.started:
            return
        session.started = True
        session.hold()
        self._tasks.create_task(self._hand_over(session, work.work))

    def tell(self, session_id: str, command: session_pb.RunResponse) -> None:
        """Passes a command on, if there is such a session."""
        if session := self._sessions.get(session_id):
            session.send(command)

    def drain(self, session_id: str) -> None:
        """Lets a session end when no slice is left for it."""
        if session := self._sessions.get(session_id):
            session.drain(session_pb.RunResponse(drain=session_pb.SessionDrain()))

    def acknowledge(self, session_id: str, through_number: int) -> None:
        """Outcomes are committed: they are dropped here, and the session is told."""
        session = self._sessions.get(session_id)
        if session is None:
            return
        session.acknowledge(through_number)
        self._forget_if_done(session)

    def stop(self, session_id: str, grace_seconds: float) -> None:
        """Ends a session, if there is such a one."""
        if session := self._sessions.get(session_id):
            session.stop(grace_seconds)

    def take_in(self, session: Session, outcomes: Sequence[outcome_pb2.Outcome]) -> None:
        """Keeps and passes on what a session said; tells it again what is committed already."""
        for batch in batches(session.relay.keep(outcomes)):
            self._say(pb.AttachRequest(outcomes=pb.OutcomeRelay(outcomes=batch)))
        if outcomes[0].outcome_number <= session.relay.acknowledged:
            session.tell_acknowledged()

    def pass_on(self, progress: outcome_pb2.Progress) -> None:
        """Passes on how far a slice is."""
        self._say(pb.AttachRequest(progress=progress))

    def hung_up(self, session: Session) -> None:
        """The call of a session ended: it is about to end, and is ended if it does not.

        One that dies needs a moment too, to say of what.
        """
        session.heard_out.set()
        session.commands.close()
        seconds = LEAVE_SECONDS if session.goodbye else DIE_SECONDS
        asyncio.get_running_loop().call_later(seconds, session.kill)

    async def end_all(self, grace_seconds: float, commit_seconds: float) -> None:
        """Ends every session, and lets what they said be committed for a while."""
        for session in list(self._sessions.values()):
            if not session.gone:
                session.stop(grace_seconds)
        await self._until(lambda: all(session.gone for session in self._sessions.values()))
        try:
            async with asyncio.timeout(commit_seconds):
                await self._until(lambda: not self._sessions)
        except TimeoutError:
            return

    def expect_found(self) -> None:
        """Knows the sessions that outlived an earlier process of this host agent, before they
        dial: who is not known is turned away for good."""
        for found in self._runtime.found():
            session = Session(
                found.session_id, found.data_manager_id, token_digest=found.token_digest
            )
            session.container = found.container
            self._sessions[found.session_id] = session

    async def adopt(self) -> None:
        """Takes in the sessions that were found, once they are dialled for.

        Those that do not say hello soon are ended; nobody is told of them, so that the proxy
        manager finds them missing when this host attaches.
        """
        found = self._runtime.found()
        await asyncio.gather(*(self._settle(self._sessions[one.session_id]) for one in found))

    async def _settle(self, session: Session) -> None:
        """Returns when it is known whether an adopted session lives."""
        assert session.container is not None
        gone = asyncio.create_task(session.container.wait())
        if await self._answers(session, gone, ADOPT_SECONDS):
            self._tasks.create_task(self._outlive(session, gone))
            return
        session.kill()
        await gone
        del self._sessions[session.session_id]

    async def _outlive(self, session: Session, gone: "asyncio.Task[str]") -> None:
        try:
            await self._end(session, await gone)
        finally:
            session.kill()
            gone.cancel()

    async def _hand_over(self, session: Session, work: session_pb2.SessionWork) -> None:
        """What is said to the session meanwhile comes after its work."""
        session.location = work.repository.location
        key = await self._keys.known(session.location)
        start = session_pb.SessionStart(
            work=work,
            password=self._keys.password(),
            master_key=key,
            cache_directory=self._cache_directory,
        )
        session.begin(session_pb.RunResponse(start=start))

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def _live(self, session: Session) -> None:
        """A session's life, from its container's birth to its confirmed end."""
        try:
            session.container = await self._runtime.create(
                session.session_id, session.token, self._socket, session.data_manager_id
            )
        except StartFailed as error:
            self._fail_to_start(session, str(error))
            return
        if session.killed:
            session.container.kill()
        gone = asyncio.create_task(session.container.wait())
        try:
            if await self._answers(session, gone, START_SECONDS):
                self._say(created(session))
                await self._end(session, await gone)
            else:
                silent = f"it said no hello within {START_SECONDS:g} s" if not gone.done() else ""
                session.kill()
                how = await gone
                self._fail_to_start(session, silent or how)
        finally:
            session.kill()
            gone.cancel()

    async def _answers(self, session: Session, gone: "asyncio.Task[str]", seconds: float) -> bool:
        hello = asyncio.create_task(session.hello.wait())
        await asyncio.wait({hello, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        hello.cancel()
        return session.hello.is_set()

    def _fail_to_start(self, session: Session, message: str) -> None:
        del self._sessions[session.session_id]
        self._changed.set()
        failed = pb.SessionStartFailed(session_id=session.session_id, message=one_line(message))
        self._say(pb.AttachRequest(session_start_failed=failed))

    async def _end(self, session: Session, how: str) -> None:
        """The container is gone. What it said last may still be on its way through the socket."""
        try:
            async with asyncio.timeout(HEAR_OUT_SECONDS):
                await session.heard_out.wait()
        except TimeoutError:
            session.commands.close()
        session.gone = True
        if not session.goodbye and not session.killed:
            log.warning("session %s: %s", session.session_id, one_line(how))
        container = session.container
        if container is not None and container.mark and session.location and not session.goodbye:
            self._keys.remove_locks(session.location, container.mark)
        if session.started:
            end = outcome_pb2.Outcome(
                session_id=session.session_id,
                outcome_number=session.end_number(),
                session_end=session_end(session, how),
            )
            self.take_in(session, [end])
        gone = pb.SessionGone(session_id=session.session_id)
        self._say(pb.AttachRequest(session_gone=gone))
        self._forget_if_done(session)

    def _forget_if_done(self, session: Session) -> None:
        if session.gone and not session.relay:
            self._sessions.pop(session.session_id, None)
        self._changed.set()
