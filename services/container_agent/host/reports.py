"""What a host says of its sessions, as messages."""

from collections.abc import Iterator

from container_agent.host.relay import Relay, batches
from container_agent.host.session import Session
from sluicegate.rpc.text import one_line
from sluicegate.v1 import host_service_pb2 as pb
from sluicegate.v1 import outcome_pb2


def session_end(session: Session, how: str) -> outcome_pb2.SessionEnd:
    """How a session ended, whose container is gone."""
    if session.goodbye:
        return outcome_pb2.SessionEnd()
    failure = outcome_pb2.FAILURE_REASON_SESSION_LOST
    if session.container is not None and session.container.out_of_memory:
        failure = outcome_pb2.FAILURE_REASON_OUT_OF_MEMORY
    return outcome_pb2.SessionEnd(message=one_line(how), failure=failure)


def created(session: Session) -> pb.AttachRequest:
    """That a session's container is there and answers."""
    return pb.AttachRequest(session_created=pb.SessionCreated(session_id=session.session_id))


def relayed(relay: Relay) -> Iterator[pb.AttachRequest]:
    """What a session said and nobody has committed yet."""
    for batch in batches(relay):
        yield pb.AttachRequest(outcomes=pb.OutcomeRelay(outcomes=batch))
