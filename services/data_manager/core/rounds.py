"""Capacity, Reserve, Initiate: steps 410 to 426, round after round."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from data_manager.core.batch import Waiting, allot, session_sizes
from data_manager.core.effects import AskCapacity, Initiate, Release, Reserve
from data_manager.core.events import InitiationRefused, ReservationAnswered, ReservationUnanswered
from data_manager.core.kinds import BODIES
from data_manager.core.model import (
    Failure,
    Session,
    SessionState,
    Slice,
    SliceKind,
    SliceState,
)
from data_manager.core.slices import put_back_session
from data_manager.core.state import FIRST_DELAY_SECONDS, Live, State

# What a session is given travels in one message of at most 1 MiB.
SESSION_BYTES = 800 << 10
SLICE_BYTES = 600
# So many one request may name; the next round takes the next.
RESERVED_AT_ONCE = 1_000


def begin_round(state: State) -> None:
    """Asks for the capacity if a populated queue may have more sessions now."""
    if not state.asking and any(_wants(state, live) for live in state.lives.values()):
        state.asking = True
        state.effects.append(AskCapacity())


def wake_times(state: State) -> Iterator[float]:
    """When a round could be due that is not due now."""
    for live in state.lives.values():
        if live.run.stopping is None and live.room > 0 and not live.reserving:
            if live.queue.ready and live.ask_time > state.now:
                yield live.ask_time
            if live.queue.ready_time is not None:
                yield max(live.queue.ready_time, live.ask_time)


def capacity_reported(state: State, places: int) -> None:
    """Composes sessions, at most as many as there are places, and reserves all in one request."""
    state.asking = False
    # Those asked for at this moment may not be in the answer yet.
    asked_for = sum(
        session.state is SessionState.RESERVING
        for live in state.lives.values()
        for session in live.sessions.values()
    )
    wanting = [live for live in state.lives.values() if _wants(state, live)]
    places = min(places - asked_for, RESERVED_AT_ONCE)
    allotted = allot(max(0, places), map(_waiting, wanting))
    sessions: list[Session] = []
    for live in wanting:
        if count := allotted.get(live.run.run_id):
            sessions += _compose(state, live, count)
        else:
            state.back_off(live)
    if sessions:
        state.effects.append(Reserve(tuple(sessions)))


def capacity_unanswered(state: State) -> None:
    """Lets everybody wait a little before the next round."""
    state.asking = False
    for live in state.lives.values():
        state.back_off(live)


def reservation_answered(state: State, event: ReservationAnswered) -> None:
    """Initiates what is granted, also when others are declined; these go to the end."""
    unused: list[str] = []
    declined: list[str] = []
    for session_id in event.session_ids:
        if session_id not in event.granted:
            declined.append(session_id)
        elif (live := state.live_of_session(session_id)) is None:
            unused.append(session_id)
        elif live.sessions[session_id].state is SessionState.RESERVING:
            _begin_session(state, live, live.sessions[session_id])
    _decline(state, declined)
    if unused:
        state.effects.append(Release(tuple(unused)))


def reservation_unanswered(state: State, event: ReservationUnanswered) -> None:
    """Counts all as declined; a place that is held after all is given back."""
    _decline(state, event.session_ids)
    state.effects.append(Release(event.session_ids))


def initiate(state: State, live: Live, session: Session) -> None:
    """Starts a session, or makes sure that it was started: twice is once."""
    slices = tuple(live.slices[slice_id] for slice_id in session.slice_ids)
    sealing = any(slice_.kind is SliceKind.SEAL for slice_ in slices)
    records = tuple(live.bodies()) if sealing else ()
    state.effects.append(Initiate(session, live.run, slices, records))


def initiated(state: State, session_id: str) -> None:
    """The session runs, unless it is over already."""
    state.unanswered.discard(session_id)
    live = state.live_of_session(session_id)
    if live is not None and live.sessions[session_id].state is SessionState.INITIATING:
        running = replace(live.sessions[session_id], state=SessionState.RUNNING)
        state.save_session(live, running)


def lapsed(state: State, session_id: str) -> None:
    """The session will not run; its slices go back."""
    live = state.live_of_session(session_id)
    if live is not None and live.sessions[session_id].state is SessionState.INITIATING:
        put_back_session(state, live, live.sessions[session_id])
        state.drop_session(live, session_id, "its reservation lapsed")
        state.back_off(live)


def initiation_unanswered(state: State, session_id: str) -> None:
    """It is made sure of at the next reconciliation."""
    live = state.live_of_session(session_id)
    if live is not None and live.sessions[session_id].state is SessionState.INITIATING:
        state.unanswered.add(session_id)


def initiation_refused(state: State, event: InitiationRefused) -> None:
    """The session's work is at fault, or this program: that counts as a failure."""
    live = state.live_of_session(event.session_id)
    if live is not None and live.sessions[event.session_id].state is SessionState.INITIATING:
        session = live.sessions[event.session_id]
        put_back_session(state, live, session, Failure.INTERNAL, event.message)
        state.drop_session(live, event.session_id, event.message)


def _wants(state: State, live: Live) -> bool:
    return (
        live.run.stopping is None
        and live.queue.ready > 0
        and live.room > 0
        and not live.reserving
        and live.ask_time <= state.now
    )


def _waiting(live: Live) -> Waiting:
    usable = min(live.room, live.queue.ready)
    return Waiting(live.run.run_id, len(live.sessions), usable, live.waiting_since)


def _compose(state: State, live: Live, count: int) -> Iterator[Session]:
    """Sessions with the slices from the front of a queue; none without a slice."""

    def weight(slice_id: str) -> int:
        return _weight(live, live.slices[slice_id])

    live.waiting_since = state.now
    most = live.run.request.options.slices_per_session
    for size in session_sizes(live.queue.ready, count, most, len(live.sessions)):
        slice_ids = live.queue.take(size, weight, SESSION_BYTES)
        number = live.run.sessions_made + 1
        session_id = f"{state.name}.{live.run.run_id}.{number}"
        state.save_run(live, replace(live.run, sessions_made=number))
        for slice_id in slice_ids:
            _reserve(state, live, live.slices[slice_id], session_id)
        session = Session(session_id, live.run.run_id, SessionState.RESERVING, slice_ids)
        state.save_session(live, session)
        yield session


def _weight(live: Live, slice_: Slice) -> int:
    """About the bytes that a slice takes in a message; an opening or closing is alone."""
    if slice_.kind not in BODIES or slice_.span is None:
        return SESSION_BYTES
    span, request = slice_.span, live.run.request
    stop = len(span.stop.path) if span.stop else 0
    paths = len(request.source) * 2 + len(request.target) + len(request.include)
    return SLICE_BYTES + paths + len(span.start.path) + stop


def _reserve(state: State, live: Live, slice_: Slice, session_id: str) -> None:
    # The attempt is new from here on: nothing of an older one can count any more.
    state.save_slice(
        live,
        replace(
            slice_,
            state=SliceState.RESERVED,
            attempt=slice_.attempt + 1,
            session_id=session_id,
        ),
    )


def _begin_session(state: State, live: Live, session: Session) -> None:
    for slice_id in session.slice_ids:
        state.save_slice(live, replace(live.slices[slice_id], state=SliceState.RUNNING))
    begun = replace(session, state=SessionState.INITIATING)
    state.save_session(live, begun)
    peak = max(live.run.streams_peak, live.streams)
    state.save_run(live, replace(live.run, streams_peak=peak))
    live.delay = FIRST_DELAY_SECONDS
    initiate(state, live, begun)


def _decline(state: State, session_ids: Iterable[str]) -> None:
    waiting: dict[str, Live] = {}
    for session_id in session_ids:
        live = state.live_of_session(session_id)
        if live is None or live.sessions[session_id].state is not SessionState.RESERVING:
            continue
        put_back_session(state, live, live.sessions[session_id])
        state.drop_session(live, session_id, "declined")
        waiting[live.run.run_id] = live
    for live in waiting.values():
        state.back_off(live)
