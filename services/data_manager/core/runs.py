"""The life of a run: begun, its opening and bodies done, closed, over. And what a restart finds."""

from dataclasses import replace

from data_manager.core.effects import Release
from data_manager.core.events import Restarted
from data_manager.core.kinds import CLOSING_NUMBER, OPENING_NUMBER, SHAPES, slice_id
from data_manager.core.model import (
    Run,
    RunState,
    Session,
    SessionState,
    Slice,
    SliceKind,
    SliceState,
)
from data_manager.core.rounds import initiate
from data_manager.core.slices import STOP_SECONDS, cancel_sessions, put_back_session, stop
from data_manager.core.state import Live, State

CANCELLED = "cancelled on request; what is stored is kept and used by the next run"


def begin(state: State, run: Run) -> None:
    """Takes in a new run; its opening is the first slice of its queue (step 406)."""
    live = Live(run, waiting_since=state.now)
    state.lives[run.run_id] = live
    state.save_run(live, run)
    _queue_new(state, live, OPENING_NUMBER, SHAPES[run.request.kind].opening)


def cancel(state: State, run_id: str) -> None:
    """Stops a run. One that has its result already keeps it."""
    live = state.lives.get(run_id)
    if live is not None and not _has_result(live):
        stop(state, live, RunState.CANCELLED, None, CANCELLED)


def advance(state: State, live: Live) -> None:
    """Goes on with a run whose slices are terminal; ends it when its sessions are over too."""
    if live.run.stopping is None and not _open_slices(live):
        closing = SHAPES[live.run.request.kind].closing
        if closing is not None and live.closing is None:
            state.save_run(live, replace(live.run, state=RunState.SEALING))
            _queue_new(state, live, CLOSING_NUMBER, closing)
    if live.sessions:
        return
    if live.run.stopping is not None:
        _finish(state, live, replace(live.run, state=live.run.stopping, stopping=None))
    elif _has_result(live):
        _finish(state, live, _with_result(live))


def restart(state: State, event: Restarted) -> None:
    """Takes up what the database has, as if nothing had happened.

    Reservations that were under way are given back: whether they were granted is not known.
    """
    for run in event.runs:
        state.lives[run.run_id] = Live(run, waiting_since=state.now)
    for slice_ in sorted(event.slices, key=lambda slice_: slice_.turn):
        _take_up(state, state.lives[slice_.run_id], slice_)
    for session in event.sessions:
        state.lives[session.run_id].sessions[session.session_id] = session
    for run_id, file in event.unread_files:
        live = state.lives[run_id]
        live.unread.append(file)
        live.unread_bytes += len(file.path) + len(file.detail.encode()) + 16
    for live in state.lives.values():
        _resume(state, live)


def give_up_stopping(state: State, live: Live) -> None:
    """Ends a run that was told to stop, even if its sessions do not answer."""
    if live.stop_by is not None and live.stop_by <= state.now:
        for session_id in list(live.sessions):
            state.drop_session(live, session_id, "it did not answer when told to stop")


def _take_up(state: State, live: Live, slice_: Slice) -> None:
    live.slices[slice_.slice_id] = slice_
    live.tally[slice_.state] += 1
    live.turns = max(live.turns, slice_.turn)
    if slice_.state is SliceState.QUEUED:
        live.queue.put(slice_.slice_id, state.now, state.now)


def _resume(state: State, live: Live) -> None:
    unknown: list[Session] = []
    for session in live.sessions.values():
        if session.state is SessionState.RESERVING:
            unknown.append(session)
        elif session.state is SessionState.INITIATING and live.run.stopping is None:
            initiate(state, live, session)
    for session in unknown:
        put_back_session(state, live, session)
        state.drop_session(live, session.session_id, "the data manager was started anew")
    if unknown:
        state.effects.append(Release(tuple(session.session_id for session in unknown)))
    if live.run.stopping is not None:
        live.stop_by = state.now + STOP_SECONDS
        cancel_sessions(state, live)


def _queue_new(state: State, live: Live, number: int, kind: SliceKind) -> None:
    live.turns += 1
    name = slice_id(live.run.run_id, number)
    state.save_slice(live, Slice(name, live.run.run_id, number, kind, turn=live.turns))
    live.queue.put(name, state.now, state.now)


def _open_slices(live: Live) -> bool:
    return any(live.tally[s] for s in SliceState if not s.terminal)


def _has_result(live: Live) -> bool:
    last = live.closing if SHAPES[live.run.request.kind].closing else live.opening
    return last is not None and last.state is SliceState.DONE


def _with_result(live: Live) -> Run:
    whole = not live.run.unread_count and not live.tally[SliceState.FAILED]
    result = live.closing.result_id if live.closing else b""
    state = RunState.SUCCEEDED if whole else RunState.PARTIAL
    return replace(live.run, state=state, result_id=result)


def _finish(state: State, live: Live, run: Run) -> None:
    state.save_run(live, run)
    del state.lives[run.run_id]
