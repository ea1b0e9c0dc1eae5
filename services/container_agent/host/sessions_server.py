"""SessionService: the socket on which the sessions of this host speak with it."""

from collections.abc import AsyncIterator
from typing import Any

from container_agent.host.session import Session
from container_agent.host.sessions import Sessions
from sluicegate.rpc.conversations import first
from sluicegate.rpc.refusals import Reason, Refusal
from sluicegate.rpc.server import Served
from sluicegate.rpc.tasks import beside
from sluicegate.v1 import session_service_pb2 as pb
from sluicegate.v1 import session_service_pb2_grpc as pb_grpc


class SessionService(pb_grpc.SessionServiceServicer):
    """One call for the life of each session, which its token opens once."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def Run(
        self,
        request_iterator: Any,  # noqa: ANN401  # the stubs' own type exists for type checkers only
        context: Any,  # noqa: ANN401
    ) -> AsyncIterator[pb.RunResponse]:
        session = self._welcome(await first(request_iterator))
        try:
            async with beside(self._hear(session, request_iterator)):
                async for command in session.commands:
                    yield command
        finally:
            self._sessions.hung_up(session)

    def _welcome(self, opening: pb.RunRequest) -> Session:
        hello = opening.hello
        session = self._sessions.get(hello.session_id)
        if session is None or not session.is_named(hello.token):
            raise Refusal(Reason.SESSION_DENIED, "no session of this name and token is awaited")
        if session.hello.is_set():
            raise Refusal(Reason.SESSION_DENIED, "this session has said hello before")
        if hello.HasField("standing"):
            session.resume(hello.standing)
        session.hello.set()
        return session

    async def _hear(self, session: Session, requests: AsyncIterator[pb.RunRequest]) -> None:
        try:
            async for request in requests:
                match request.WhichOneof("event"):
                    case "outcomes":
                        _check(session, request.outcomes)
                        self._sessions.take_in(session, request.outcomes.outcomes)
                        await session.until_room()
                    case "progress":
                        request.progress.session_id = session.session_id
                        self._sessions.pass_on(request.progress)
                    case "goodbye":
                        session.goodbye = True
                        return
        finally:
            session.commands.close()


def _check(session: Session, batch: pb.OutcomeBatch) -> None:
    """A session speaks for itself alone, and its end is told by its host."""
    for outcome in batch.outcomes:
        if outcome.session_id != session.session_id or outcome.HasField("session_end"):
            raise Refusal(Reason.SESSION_DENIED, "not an outcome that this session may tell")


def served(sessions: Sessions) -> Served:
    """The service, as a server takes it."""
    return Served(
        SessionService(sessions),
        pb_grpc.add_SessionServiceServicer_to_server,
        pb.DESCRIPTOR.services_by_name["SessionService"].full_name,
    )
