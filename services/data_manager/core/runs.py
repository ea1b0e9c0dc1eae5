"""The life of a run: begun, its opening and bodies done, closed, over."""

from dataclasses import replace

from data_manager.core.kinds import OPENING_NUMBER, SHAPES, slice_id
from data_manager.core.live import Live
from data_manager.core.model import Failure, Run, RunState, Slice, SliceKind, SliceState
from data_manager.core.pausing import patience_ends
from data_manager.core.slices import put_back_session, stop
from data_manager.core.state import State

CANCELLED = "cancelled on request; what is stored is kept and used by the next run"
DAMAGED = "the repository is damaged in {places}, first: {first}"
SILENT = "it did not answer when told to stop"
WAITED = "{message} Nothing changed within {seconds:,} s (storage_wait_seconds)."


def begin(state: State, run: Run) -> None:
    """Takes in a new run; its opening is the first slice of its queue (step 406)."""
    live = state.add(run)
    state.save_run(live, run)
    _queue_new(state, live, OPENING_NUMBER, SHAPES[run.request.kind].opening)


def cancel(state: State, run_id: str) -> None:
    """Stops a run. One that has its result already keeps it."""
    live = state.lives.get(run_id)
    if live is not None and not _has_result(live):
        stop(state, live, RunState.CANCELLED, None, CANCELLED)


def advance(state: State, live: Live) -> None:
    """Goes on with a run whose slices are terminal; ends it when its sessions are over too."""
    if live.run.stopping is not None:
        if not live.ending:
            _finish(state, live, replace(live.run, state=live.run.stopping, stopping=None))
        return
    if live.open_slices:
        return
    closing = SHAPES[live.run.request.kind].closing
    if closing is not None and live.closing is None:
        state.save_run(live, replace(live.run, state=RunState.SEALING))
        _queue_new(state, live, live.closing_number, closing)
    elif _has_result(live):
        _finish(state, live, _with_result(live))


def give_up_stopping(state: State, live: Live) -> None:
    """Ends a run that was told to stop, even if its sessions do not answer."""
    if live.stop_by is not None and live.stop_by <= state.now:
        for session_id in sorted(live.ending):
            # One that is fed may have slices of others.
            put_back_session(state, state.sessions[session_id], Failure.CANCELLED, SILENT)
            state.drop_session(session_id, SILENT)


def give_up_waiting(state: State) -> None:
    """Fails the runs that have waited for their storage for as long as they may."""
    for live, time, breaker in list(patience_ends(state)):
        if time <= state.now:
            seconds = live.run.request.options.storage_wait_seconds
            told = WAITED.format(message=breaker.message, seconds=seconds)
            message = told if seconds else breaker.message
            stop(state, live, RunState.FAILED, breaker.failure, message)


def _queue_new(state: State, live: Live, number: int, kind: SliceKind) -> None:
    name = slice_id(live.run.run_id, number)
    state.enqueue(live, Slice(name, live.run.run_id, number, kind))


def _has_result(live: Live) -> bool:
    last = live.closing if SHAPES[live.run.request.kind].closing else live.opening
    return last is not None and last.state is SliceState.DONE and not live.open_slices


def _with_result(live: Live) -> Run:
    if live.run.failure is Failure.REPOSITORY_DAMAGED:
        count = live.run.unread_count
        places = f"{count:,} places" if count > 1 else "1 place"
        message = DAMAGED.format(places=places, first=live.run.message)
        return replace(live.run, state=RunState.FAILED, message=message)
    whole = not live.run.unread_count and not live.tally[SliceState.FAILED]
    result = live.closing.result_id if live.closing else b""
    state = RunState.SUCCEEDED if whole else RunState.PARTIAL
    return replace(live.run, state=state, result_id=result)


def _finish(state: State, live: Live, run: Run) -> None:
    state.save_run(live, run)
    for session_id in list(live.streams):
        # A session of this run alone ends by itself; nothing more is expected of it.
        state.leave(live, session_id)
    state.remove(run.run_id)
