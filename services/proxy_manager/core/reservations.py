"""Places: asked for, held, initiated, given back, lapsed."""

from proxy_manager.core import judgement
from proxy_manager.core.effects import Create, Drain, Feed, Kill, Start
from proxy_manager.core.events import FeedAsked, InitiationAsked, ReservationAsked
from proxy_manager.core.ledger import RESERVED, Place, Stage
from proxy_manager.core.model import (
    Answer,
    Declined,
    Granted,
    Reason,
    ReservationLapsed,
    SessionUnknown,
)
from proxy_manager.core.state import Host, Session, State


def ask(state: State, event: ReservationAsked) -> None:
    """Gives each session a place, or declines it, in one step: so it never grants too many.

    A session that has a place gets the answer it got before.
    """
    new: list[str] = []
    for session_id in event.session_ids:
        place = state.ledger.get(session_id)
        if place is None and session_id not in state.sessions:
            new.append(session_id)
        elif place is None or place.stage is not Stage.CREATING:
            state.answer(session_id, _standing_answer(place))
    for session_id in new:
        _place(state, session_id, event)


def _place(state: State, session_id: str, event: ReservationAsked) -> None:
    avoided = event.avoid.get(session_id, frozenset())
    host_name = state.openings.choose(avoided)
    if host_name is not None:
        _create(state, Session(session_id, event.data_manager_id, host_name))
        return
    state.declined = True
    declined = state.openings.declined()
    if avoided and state.openings.choose() is not None:
        declined = Declined(Reason.NO_PLACE, "only hosts that it is to avoid have a place")
    state.answer(session_id, declined)


def created(state: State, host: Host, session_id: str) -> None:
    """The container answers: from now on the place is held."""
    known = state.ledger.get(session_id)
    if known is None or known.host_name != host.name:
        return
    if place := state.ledger.hold(session_id, state.now, state.now + state.times.hold_seconds):
        state.answer(session_id, Granted(place.host_name, place.until))


def initiate(state: State, event: InitiationAsked) -> None:
    """Starts a held session. Twice is once; after the hold it is refused."""
    session = state.sessions.get(event.session_id)
    if session is not None and session.initiated:
        return
    place = state.ledger.initiate(event.session_id, state.now)
    if session is None or place is None:
        raise ReservationLapsed(event.session_id)
    session.initiated = True
    session.work, session.since = event.work, state.now
    state.tell(session.host_name, Start(event.work))
    if state.hosts[session.host_name].settings.draining:
        drain(state, event.session_id)


def feed(state: State, event: FeedAsked) -> None:
    """Gives a running session more slices."""
    session = _running(state, event.session_id)
    if session is None or session.drained or session.cancelled:
        raise SessionUnknown(event.session_id)
    order = Feed(event.food)
    session.foods.append((set(event.slice_ids), order))
    state.tell(session.host_name, order)


def drain(state: State, session_id: str) -> None:
    """Lets a running session end when no slice is left."""
    if session := _running(state, session_id):
        session.drained = True
        state.tell(session.host_name, Drain(session_id))
    elif state.is_new and session_id not in state.sessions:
        state.early_drains.add(session_id)


def cancel(state: State, session_id: str) -> None:
    """Stops a session: one that runs is asked first, one that does not gives its place back."""
    if session := _running(state, session_id):
        session.cancelled = True
        state.tell(session.host_name, Kill(session_id, state.times.grace_seconds))
    elif state.is_new and session_id not in state.sessions:
        state.early_cancels.add(session_id)
    else:
        release(state, session_id)


def release(state: State, session_id: str) -> None:
    """Gives back a place that was not initiated."""
    place = state.ledger.get(session_id)
    if place is not None and place.stage in RESERVED:
        end(state, place, Declined(Reason.NO_PLACE, "the place was given back"))


def lapse(state: State) -> None:
    """Ends the reservations whose time is over."""
    for place in state.ledger.overdue(state.now):
        seconds = state.times.start_seconds
        message = f"the session on {place.host_name} did not answer within {seconds:g} s"
        if place.stage is Stage.CREATING:
            judgement.time_out(state, state.sessions[place.session_id])
        end(state, place, Declined(Reason.START_FAILED, message))


def end(state: State, place: Place, answer: Declined) -> None:
    """Ends a reservation unused. Its place is free when the host says that nothing is left."""
    state.ledger.end(place.session_id)
    judgement.withdraw(state, state.sessions[place.session_id])
    state.tell(place.host_name, Kill(place.session_id, 0.0))
    if place.stage is Stage.CREATING:
        state.answer(place.session_id, answer)


def _create(state: State, session: Session) -> None:
    host = state.hosts[session.host_name]
    by = state.now + state.times.start_seconds
    state.ledger.reserve(session.session_id, host.name, host.sessions_max, state.now, by)
    host.load.place(state.now)
    host.health.place(session.session_id)
    state.enter(session)
    state.refresh(host.name)
    state.tell(host.name, Create(session.session_id, session.data_manager_id))


def _standing_answer(place: Place | None) -> Answer:
    if place is not None and place.stage is not Stage.ENDING:
        return Granted(place.host_name, place.until)
    return Declined(Reason.NO_PLACE, "a session of this name is over; reserve under another one")


def _running(state: State, session_id: str) -> Session | None:
    place = state.ledger.get(session_id)
    if place is None or place.stage is not Stage.RUNNING:
        return None
    return state.sessions.get(session_id)
