"""What becomes of slices that did not end well: put back at the end, given up, or the run fails."""

from dataclasses import replace

from data_manager.core.effects import CancelSession, CancelSlices, Release
from data_manager.core.evolving import evolve
from data_manager.core.hedging import note_begun, take_over
from data_manager.core.kinds import BODIES, OPENING_NUMBER, PASSING, run_of
from data_manager.core.live import FIRST_DELAY_SECONDS, Live
from data_manager.core.model import (
    Failure,
    RunKind,
    RunState,
    Session,
    SessionState,
    Slice,
    SliceKind,
    SliceState,
    UnreadFile,
    UnreadReason,
)
from data_manager.core.pausing import BY_STORAGE, counts_tries, storage_failed
from data_manager.core.state import State

FAILURES_MAX = 5
# A session that is told to stop is killed after a grace; what is silent for longer is given up.
STOP_SECONDS = 30.0


def put_back(state: State, live: Live, slice_: Slice, delay_seconds: float = 0.0) -> None:
    """Puts a slice at the end of its queue."""
    if slice_.number == OPENING_NUMBER:
        # The next attempt goes on after the last cut, and counts its batches anew.
        state.save_run(live, replace(live.run, batches=0))
        # That of a verify has more to tell than cuts: what is missing.
        if live.run.cut_through is None and live.run.request.kind is not RunKind.VERIFY:
            end_crawl(state, live, slice_)
            return
    if delay_seconds > 0:
        state.enqueue_later(live, slice_, delay_seconds)
    else:
        state.enqueue(live, slice_)


def end_crawl(state: State, live: Live, slice_: Slice) -> None:
    """All is cut: even a crawl that died after its last cut has nothing left to do."""
    state.save_slice(live, replace(slice_, state=SliceState.DONE, session_id=None))
    state.save_run(live, replace(live.run, crawled=True))


def put_back_session(
    state: State, session: Session, failure: Failure | None = None, message: str = ""
) -> None:
    """Puts back what a session has left. A failure is that of the slice it was working on."""
    for number, slice_id in enumerate(session.slice_ids):
        live = state.lives[run_of(slice_id)]
        if live.run.stopping:
            continue
        slice_ = live.slices[slice_id]
        if number == 0 and failure is not None:
            fail(state, live, slice_, failure, message)
        else:
            put_back(state, live, slice_)


def leave_session(state: State, live: Live, slice_: Slice) -> None:
    """Takes a slice that has ended out of its session, which may want another."""
    session = state.sessions[slice_.session_id or ""]
    left = tuple(name for name in session.slice_ids if name != slice_.slice_id)
    session = evolve(session, slice_ids=left)
    if session.state is SessionState.INITIATING:
        # Who says something runs, even if it is not known yet that it was initiated.
        begin_running(state, session)
    else:
        state.save_session(session)
        note_begun(state, session)
        running = session.state is SessionState.RUNNING
        if session.fed and running and _wants_filling(state, session):
            state.want_more(session)
    state.let_go(live, session.session_id)


def _wants_filling(state: State, session: Session) -> bool:
    """True when a third of what a session had before it is done: so one of many short slices is
    told of several at once, and there are still some before it when they come."""
    left = len(session.slice_ids)
    return 3 * left <= 2 * state.filled.get(session.session_id, 2 * left)


def begin_running(state: State, session: Session) -> None:
    """A session that was initiated runs. One that is fed wants more, unless it was told to stop."""
    if session.fed and state.is_ending(session.session_id):
        state.save_session(replace(session, state=SessionState.DRAINING))
        return
    session = replace(session, state=SessionState.RUNNING)
    state.save_session(session)
    note_begun(state, session)
    if session.fed:
        state.want_more(session)


def fail(state: State, live: Live, slice_: Slice, failure: Failure, message: str) -> None:
    """Takes in that an attempt failed. The class decides: put back, given up, or the run fails.

    A try is counted only where the slice may be at fault: storage is not its fault.
    """
    cancelled = failure is Failure.CANCELLED
    counted = not cancelled and failure not in BY_STORAGE and counts_tries(state, live, slice_)
    if failure in BY_STORAGE:
        storage_failed(state, live, slice_, failure, message)
    elif not cancelled and failure not in PASSING:
        stop(state, live, RunState.FAILED, failure, message)
        return
    if take_over(state, live, slice_):
        return
    if not counted:
        # Nor is it, when somebody stopped its session who is not this run.
        put_back(state, live, slice_, _delay(state, 1))
        return
    failed = replace(slice_, failures=slice_.failures + 1)
    if failed.failures < FAILURES_MAX:
        if slice_.kind is SliceKind.MAINTAIN:
            live.told = message
        put_back(state, live, failed, _delay(state, failed.failures))
    elif slice_.kind in BODIES:
        _give_up(state, live, failed, message)
    else:
        stop(state, live, RunState.FAILED, failure, message)


def stop(
    state: State, live: Live, terminal: RunState, failure: Failure | None, message: str
) -> None:
    """Ends a run before its time: nothing of it is done any more, its sessions are stopped."""
    if live.run.stopping:
        return
    state.save_run(live, replace(live.run, stopping=terminal, failure=failure, message=message))
    live.queue.clear()
    live.hedges.clear()
    _cancel_slices(state, live)
    for session_id in list(live.streams):
        session = state.sessions[session_id]
        if session.state is SessionState.RESERVING:
            state.drop_session(session_id, message)
            state.ask(Release((session_id,)))
        else:
            _end_session(state, live, session)
    live.stop_by = state.now + STOP_SECONDS
    cancel_sessions(state, live)


def _end_session(state: State, live: Live, session: Session) -> None:
    """A session has no slices of a stopped run any more, and is given none of others."""
    left = tuple(s for s in session.slice_ids if run_of(s) != live.run.run_id)
    session = replace(session, slice_ids=left, hedge="")
    if session.fed and session.state is SessionState.RUNNING:
        session = replace(session, state=SessionState.DRAINING)
    state.save_session(session)
    state.sate(session)
    live.ending.add(session.session_id)


def cancel_sessions(state: State, live: Live) -> None:
    """Tells the sessions that worked on a stopped run to stop. What else they hold goes back."""
    for session_id in sorted(live.ending):
        state.ask(CancelSession(session_id))


def _cancel_slices(state: State, live: Live) -> None:
    """All that are not terminal, also those that the database alone knows."""
    state.changes.cancelled.append(CancelSlices(live.run.run_id))
    for slice_ in list(live.slices.values()):
        if not slice_.state.terminal:
            state.save_slice(live, replace(slice_, state=SliceState.CANCELLED, session_id=None))
    left = live.tally.pop(SliceState.QUEUED, 0)
    live.tally[SliceState.CANCELLED] += left


def _give_up(state: State, live: Live, slice_: Slice, message: str) -> None:
    # What it had stored when it was done before is gone.
    failed = replace(slice_, state=SliceState.FAILED, session_id=None, result_id=b"")
    state.save_slice(live, failed)
    assert slice_.span is not None
    path = slice_.span.start.path
    stop_path = slice_.span.stop.path.decode(errors="backslashreplace") if slice_.span.stop else ""
    detail = f"all from here to before {stop_path or 'the end'} is missing: {message}"[:1000]
    state.list_unread(live, UnreadFile(path, UnreadReason.SLICE_FAILED, detail))
    state.save_run(live, replace(live.run, unread_count=live.run.unread_count + 1))


def _delay(state: State, failures: int) -> float:
    return FIRST_DELAY_SECONDS * 2.0 ** (2 * failures - 1) * state.jitter()
