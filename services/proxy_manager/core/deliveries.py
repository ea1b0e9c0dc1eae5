"""Outcomes: from hosts to data managers, and how far they are committed back down."""

from proxy_manager.core import judgement, orphans
from proxy_manager.core.effects import Acknowledge
from proxy_manager.core.events import DataManagerAttached
from proxy_manager.core.model import Outcome
from proxy_manager.core.state import Host, Session, State


def relay(state: State, host: Host, outcomes: tuple[Outcome, ...]) -> None:
    """Keeps what is new for its data manager; acknowledges again what is committed already.

    What a fenced session says, or a stray, is acknowledged unread, so that it can end.
    """
    committed: dict[str, int] = {}
    for outcome in outcomes:
        session = state.sessions.get(outcome.session_id)
        # One that is not known is one whose end was committed.
        ignored = session is None or session.fenced or session.host_name != host.name
        if session is None or ignored or outcome.number <= session.acknowledged:
            committed[outcome.session_id] = outcome.number
        elif outcome.number > session.seen:
            _take_in(state, session, outcome)
    for session_id, number in committed.items():
        state.tell(host.name, Acknowledge(session_id, number))


def acknowledge(state: State, data_manager_id: str, through_number: int) -> None:
    """Drops what a data manager has committed, and tells the sessions."""
    reached = state.outbox(data_manager_id).acknowledge(through_number)
    for session_id, number in reached.items():
        session = state.sessions.get(session_id)
        if session is None:
            continue
        session.acknowledged = max(number, session.acknowledged)
        if not session.fenced:
            state.tell(session.host_name, Acknowledge(session_id, number))
        state.forget_if_done(session)


def attach_data_manager(state: State, event: DataManagerAttached) -> None:
    """Begins a stream: all that is not acknowledged is sent on it again."""
    state.outbox(event.data_manager_id).begin()
    state.believed[event.data_manager_id] = set(event.session_ids)
    answer_believed(state)
    orphans.note(state, event)


def answer_believed(state: State) -> None:
    """Ends the sessions that data managers believe in and no host has.

    Not before hosts had the time of a lease to attach since this proxy manager began.
    """
    if state.is_new:
        return
    for data_manager_id, session_ids in state.believed.items():
        for session_id in sorted(session_ids - state.sessions.keys()):
            session = Session(session_id, data_manager_id, host_name="", initiated=True)
            state.enter(session)
            state.end_as_lost(session, "no proxy host has it")
    state.believed.clear()


def _take_in(state: State, session: Session, outcome: Outcome) -> None:
    state.keep(session, outcome)
    if not session.judged:
        _judge(state, session, outcome)
    if outcome.ends_session:
        session.ended = True
        state.ledger.end(session.session_id)
    if outcome.ends_slice:
        for slice_ids, _ in session.foods:
            slice_ids.discard(outcome.ends_slice)
        session.foods = [food for food in session.foods if food[0]]


def _judge(state: State, session: Session, outcome: Outcome) -> None:
    if outcome.loses_session:
        judgement.lose(state, session)
    elif outcome.ends_session or (outcome.ends_slice and not outcome.fails_slice):
        judgement.succeed(state, session)
