"""Between the messages of the contracts and the values of the core."""

from collections.abc import Iterator, Sequence
from typing import cast

from proxy_manager.core import effects, events
from proxy_manager.core.model import (
    Answer,
    Capacity,
    Granted,
    HostCapacity,
    HostedSession,
    HostSession,
    KnownHost,
    Outcome,
    Reason,
    SessionLost,
)
from proxy_manager.streams import BATCH_BYTES, HostCall, Numbered
from sluicegate.v1 import host_service_pb2 as host_pb
from sluicegate.v1 import outcome_pb2 as outcome_pb
from sluicegate.v1 import proxy_manager_service_pb2 as pb
from sluicegate.v1.load_pb2 import SessionUsage
from sluicegate.v1.session_pb2 import SessionFood, SessionWork

REASONS: dict[Reason, pb.DeclineReason.ValueType] = {
    Reason.NO_HOST: pb.DECLINE_REASON_NO_HOST,
    Reason.NO_PLACE: pb.DECLINE_REASON_NO_PLACE,
    Reason.START_FAILED: pb.DECLINE_REASON_START_FAILED,
    Reason.HOST_LOST: pb.DECLINE_REASON_HOST_LOST,
    Reason.OVER_THRESHOLD: pb.DECLINE_REASON_OVER_THRESHOLD,
    Reason.HOST_DRAINING: pb.DECLINE_REASON_HOST_DRAINING,
    Reason.QUARANTINED: pb.DECLINE_REASON_QUARANTINED,
}

# How the end of a session tells that it died.
LOSSES = frozenset(
    (outcome_pb.FAILURE_REASON_SESSION_LOST, outcome_pb.FAILURE_REASON_OUT_OF_MEMORY)
)


def hosted_session(message: host_pb.HostedSession) -> HostedSession:
    """A session as its host reports it."""
    return HostedSession(message.session_id, message.data_manager_id, message.started, message.gone)


def host_event(call: HostCall, message: host_pb.AttachRequest) -> events.HostEvent:
    """What a host said."""
    who = (call.host_name, call.attachment)
    match message.WhichOneof("event"):
        case "load":
            load = message.load
            return events.HostLoaded(*who, load.cpu, load.memory, load.pressure, load)
        case "session_created":
            return events.SessionCreated(*who, message.session_created.session_id)
        case "session_start_failed":
            failed = message.session_start_failed
            return events.SessionStartFailed(*who, failed.session_id, failed.message)
        case "outcomes":
            return events.OutcomesRelayed(*who, tuple(map(outcome, message.outcomes.outcomes)))
        case "session_gone":
            return events.SessionGone(*who, message.session_gone.session_id)
        case "goodbye":
            return events.HostLeft(*who)
        case _:
            return events.HostHeard(*who)


def reservation_asked(message: pb.ReserveRequest) -> events.ReservationAsked:
    """Which places are wanted, and where they must not be."""
    avoid = {avoided.session_id: frozenset(avoided.host_names) for avoided in message.avoid}
    return events.ReservationAsked(message.data_manager_id, tuple(message.session_ids), avoid)


def feed_asked(food: SessionFood) -> events.FeedAsked:
    """More slices for a session, of which the core looks only at their names."""
    slice_ids = frozenset(slice.slice_id for slice in food.slices)
    return events.FeedAsked(food.session_id, food, slice_ids)


def outcome(message: outcome_pb.Outcome) -> Outcome:
    """An outcome, of which the core looks only at what it ends."""
    return Outcome(
        session_id=message.session_id,
        number=message.outcome_number,
        body=message,
        size_bytes=message.ByteSize(),
        ends_slice=message.slice_end.slice_id,
        ends_session=message.HasField("session_end"),
        fails_slice=message.slice_end.failure != 0,
        loses_session=message.session_end.failure in LOSSES,
    )


def order_messages(
    orders: Sequence[effects.Order], batched: bool
) -> Iterator[host_pb.AttachResponse]:
    """Orders as a host gets them: in few messages, if it understands batches, each below 1 MiB."""
    batch: list[host_pb.AttachResponse] = []
    size = 0
    for message in map(order_message, orders):
        size += message.ByteSize()
        if batch and (size > BATCH_BYTES or not batched):
            yield _command_batch(batch)
            batch, size = [], message.ByteSize()
        batch.append(message)
    if batch:
        yield _command_batch(batch)


def _command_batch(commands: list[host_pb.AttachResponse]) -> host_pb.AttachResponse:
    if len(commands) == 1:
        return commands[0]
    return host_pb.AttachResponse(batch=host_pb.CommandBatch(commands=commands))


def order_message(order: effects.Order) -> host_pb.AttachResponse:
    """An order as a host gets it."""
    match order:
        case effects.Create(session_id, data_manager_id):
            create = host_pb.CreateSession(session_id=session_id, data_manager_id=data_manager_id)
            return host_pb.AttachResponse(create=create)
        case effects.Start(work):
            return host_pb.AttachResponse(start=host_pb.StartSession(work=cast(SessionWork, work)))
        case effects.Feed(food):
            return host_pb.AttachResponse(feed=host_pb.FeedSession(food=cast(SessionFood, food)))
        case effects.Drain(session_id):
            return host_pb.AttachResponse(drain=host_pb.DrainSession(session_id=session_id))
        case effects.Kill(session_id, grace_seconds):
            kill = host_pb.KillSession(session_id=session_id, grace_seconds=grace_seconds)
            return host_pb.AttachResponse(kill=kill)
        case effects.Acknowledge(session_id, through_number):
            acknowledge = host_pb.AcknowledgeSession(
                session_id=session_id, through_outcome_number=through_number
            )
            return host_pb.AttachResponse(acknowledge=acknowledge)


def batch_message(outcomes: Numbered, progress: list[outcome_pb.Progress]) -> pb.SliceDoneResponse:
    """A batch as a data manager gets it."""
    numbered = [
        pb.NumberedOutcome(number=number, outcome=_outcome_message(outcome))
        for number, outcome in outcomes
    ]
    return pb.SliceDoneResponse(outcomes=numbered, progress=progress)


def answer_message(session_id: str, answer: Answer, asked: float) -> pb.ReservationAnswer:
    """Granted or declined; the hold is told from when the request came in."""
    if isinstance(answer, Granted):
        granted = pb.ReservationGranted(
            host_name=answer.host_name, expiry_seconds=max(0.0, answer.until - asked)
        )
        return pb.ReservationAnswer(session_id=session_id, granted=granted)
    declined = pb.ReservationDeclined(reason=REASONS[answer.reason], message=answer.message)
    return pb.ReservationAnswer(session_id=session_id, declined=declined)


def capacity_message(capacity: Capacity) -> pb.CapacityResponse:
    """The capacity as it is told."""
    return pb.CapacityResponse(
        sessions=capacity.sessions,
        hosts=[_host_message(host) for host in capacity.hosts],
        revision=capacity.revision,
    )


def known_host_message(known: KnownHost) -> pb.Host:
    """A host as an operator is told of it."""
    return pb.Host(
        capacity=_host_message(known.capacity),
        state=pb.HostState.Value(f"HOST_STATE_{known.state.name}"),
        offered=known.offered,
        limit=known.limit,
        silent_seconds=known.silent_seconds,
    )


def host_session_message(session: HostSession, usage: SessionUsage | None) -> pb.HostSession:
    """A session that has a place on a host, with what it uses of that if its host tells."""
    return pb.HostSession(
        session_id=session.session_id,
        data_manager_id=session.data_manager_id,
        stage=pb.PlaceStage.Value(f"PLACE_STAGE_{session.stage}"),
        seconds=session.seconds,
        usage=usage,
    )


def usages(known: KnownHost) -> dict[str, SessionUsage]:
    """What the sessions of a host use, by its last report."""
    if not isinstance(known.said, host_pb.HostLoad):
        return {}
    return {usage.session_id: usage for usage in known.said.sessions}


def _host_message(host: HostCapacity) -> pb.HostCapacity:
    return pb.HostCapacity(
        host_name=host.host_name,
        sessions_max=host.sessions_max,
        running=host.running,
        held=host.held,
        ending=host.ending,
        cpu=host.cpu,
        memory=host.memory,
        closed=REASONS[host.closed] if host.closed else pb.DECLINE_REASON_UNSPECIFIED,
        oldest_hold_seconds=host.oldest_hold_seconds,
        free=host.free,
        draining=host.draining,
        quarantine_seconds=host.quarantine_seconds,
        pressure=host.pressure,
    )


def _outcome_message(outcome: Outcome) -> outcome_pb.Outcome:
    match outcome.body:
        case outcome_pb.Outcome() as message:
            return message
        case SessionLost(message=text):
            end = outcome_pb.SessionEnd(
                message=text, failure=outcome_pb.FAILURE_REASON_SESSION_LOST
            )
            return outcome_pb.Outcome(
                session_id=outcome.session_id, outcome_number=outcome.number, session_end=end
            )
        case other:
            raise TypeError(f"not an outcome: {other!r}")
