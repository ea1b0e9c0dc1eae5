"""What a restart finds in the database, taken up as if nothing had happened."""

from data_manager.core.effects import CancelSession, Release
from data_manager.core.events import Restarted
from data_manager.core.kinds import run_of
from data_manager.core.live import Live
from data_manager.core.losses import closing_number
from data_manager.core.model import Session, SessionState, SliceState
from data_manager.core.rounds import initiate
from data_manager.core.slices import STOP_SECONDS, cancel_sessions, put_back_session
from data_manager.core.state import State


def restart(state: State, event: Restarted) -> None:
    """Takes up what the database has.

    Reservations that were under way are given back: whether they were granted is not known. The
    queues are loaded when their runs get their turn.
    """
    state.storage_limits = {name: limit for name, limit in event.storages.items() if limit}
    for run in event.runs:
        live = state.add(run)
        live.tally.update(event.tallies.get(run.run_id, {}))
        # A new slice's turn may be below 0; one that is put back comes after all of these.
        live.turns = max(0, event.turns.get(run.run_id, 0))
        live.queue.found(live.tally[SliceState.QUEUED])
    for slice_ in event.slices:
        if slice_.state is not SliceState.QUEUED:
            state.lives[slice_.run_id].slices[slice_.slice_id] = slice_
    for live in state.lives.values():
        live.closing_number = closing_number(live)
    for run_id, file in event.unread_files:
        live = state.lives[run_id]
        live.unread.append(file)
        live.unread_bytes += len(file.path) + len(file.detail.encode()) + 16
    for session in event.sessions:
        _take_up(state, session)
    _resume(state, event.sessions)


def _take_up(state: State, session: Session) -> None:
    state.sessions[session.session_id] = session
    if session.hedge:
        state.lives[session.run_id].hedges[session.hedge] = session.session_id
    if not session.fed and (own := state.lives.get(session.run_id)):
        state.hold(own, session.session_id, 0)
    for slice_id in session.slice_ids:
        state.hold(state.lives[run_of(slice_id)], session.session_id)
    if session.state is SessionState.RESERVING:
        state.lives[session.run_id].reserving += 1
    elif session.fed and session.state is SessionState.RUNNING:
        state.want_more(session)


def _resume(state: State, sessions: tuple[Session, ...]) -> None:
    unknown: list[str] = []
    for session in sessions:
        live = state.lives.get(session.run_id)
        if session.state is SessionState.RESERVING:
            put_back_session(state, session)
            state.drop_session(session.session_id, "the data manager was started anew")
            unknown.append(session.session_id)
        elif live is not None and live.run.stopping is not None and _is_of_it_alone(session):
            _end(state, live, session)
        elif session.state is SessionState.INITIATING and (session.slice_ids or session.hedge):
            initiate(state, session)
        elif session.state is SessionState.INITIATING:
            # What it was to hedge is done.
            state.ask(CancelSession(session.session_id))
    if unknown:
        state.ask(Release(tuple(unknown)))
    for live in state.lives.values():
        if live.run.stopping is not None:
            _stop_again(state, live)


def _is_of_it_alone(session: Session) -> bool:
    """True for a session that works on nothing but the run that it was made for. One that runs and
    is fed was told to stop, and is drained, if it worked on that when it was stopped."""
    return not session.fed or session.state is SessionState.INITIATING


def _stop_again(state: State, live: Live) -> None:
    """Of sessions made for others only those can have worked on a stopped run that were drained."""
    for session in state.sessions.values():
        draining = session.state is SessionState.DRAINING
        if draining and session.repository == live.run.request.repository:
            _end(state, live, session)
    live.stop_by = state.now + STOP_SECONDS
    cancel_sessions(state, live)


def _end(state: State, live: Live, session: Session) -> None:
    live.ending.add(session.session_id)
    state.runs_of.setdefault(session.session_id, set()).add(live.run.run_id)
    state.sate(session)
