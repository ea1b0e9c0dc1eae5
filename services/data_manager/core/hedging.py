"""Hedging: near the end a slice that takes far longer than the others is started a second time, on
another host. The first result counts, the other attempt is fenced and stopped. Off by default."""

import bisect
from collections.abc import Iterator
from dataclasses import replace

from data_manager.core.effects import CancelSession, Release
from data_manager.core.kinds import BODIES
from data_manager.core.live import Live
from data_manager.core.model import Session, SessionState, Slice, SliceState, Task
from data_manager.core.state import State

# So many of its kind must be done before one can be said to take long.
COHORT_LEAST = 4
COHORT_MOST = 1_000
QUARTILE = 0.75
TIMES_LONGER = 2.0


def note_begun(state: State, session: Session) -> None:
    """The session begins with the first slice that it has left."""
    if session.state is SessionState.RUNNING and session.slice_ids:
        slice_id = session.slice_ids[0]
        live = state.live_of(slice_id)
        if live.run.request.options.hedge and live.slices[slice_id].kind in BODIES:
            live.began.setdefault(slice_id, state.now)


def note_done(live: Live, took_ms: int) -> None:
    """A slice is done that took so long."""
    if live.run.request.options.hedge and len(live.times) < COHORT_MOST:
        bisect.insort(live.times, took_ms)


def late(state: State, live: Live) -> Slice | None:
    """The slice that takes longest beyond twice the cohort's 75th percentile, if nothing waits and
    it is not hedged yet."""
    slices = [
        slice_id
        for slice_id, time in _late_times(live)
        if time <= state.now and state.sessions[live.slices[slice_id].session_id or ""].host_name
    ]
    first = min(slices, key=lambda slice_id: live.began[slice_id], default=None)
    return live.slices[first] if first is not None else None


def wake_times(state: State) -> Iterator[float]:
    """When a slice will have taken too long."""
    for live in state.waiters.hedging.values():
        for _, time in _late_times(live):
            if time > state.now:
                yield time


def task(state: State, session: Session) -> Task:
    """What a session that hedges does."""
    live = state.live_of(session.hedge)
    slice_ = live.slices[session.hedge]
    attempt, session_id = session.hedge_attempt, session.session_id
    return Task(live.run, replace(slice_, attempt=attempt, session_id=session_id))


def counts(state: State, slice_: Slice, session_id: str, attempt: int) -> bool:
    """True when it is the hedge of the slice that says something of it."""
    session = state.sessions.get(session_id)
    return (
        session is not None
        and session.hedge == slice_.slice_id
        and session.hedge_attempt == attempt
        and session.state is not SessionState.RESERVING
    )


def settle(state: State, live: Live, slice_: Slice, winner: str) -> None:
    """A slice is done: whoever works on it still is stopped."""
    hedge = live.hedges.pop(slice_.slice_id, None)
    if hedge is None:
        return
    session = state.sessions[hedge]
    state.save_session(replace(session, hedge=""))
    if winner == hedge:
        first = state.sessions[slice_.session_id or ""]
        if first.fed and first.state is SessionState.RUNNING:
            # It is stopped: it gets no more.
            state.save_session(replace(first, state=SessionState.DRAINING))
            state.sate(first)
        state.ask(CancelSession(first.session_id))
    elif session.state is SessionState.RESERVING:
        state.drop_session(hedge, "the slice is done")
        state.ask(Release((hedge,)))
    else:
        state.ask(CancelSession(hedge))


def take_over(state: State, live: Live, slice_: Slice) -> bool:
    """An attempt failed: that of the hedge becomes the one. False when there is none that runs."""
    hedge = live.hedges.pop(slice_.slice_id, None)
    if hedge is None:
        return False
    session = state.sessions[hedge]
    if session.state is SessionState.RESERVING:
        state.drop_session(hedge, "the slice is tried again")
        state.ask(Release((hedge,)))
        return False
    attempt = session.hedge_attempt
    state.save_session(replace(session, slice_ids=(slice_.slice_id,), hedge=""))
    state.hold(live, hedge)
    state.save_slice(live, replace(slice_, attempt=attempt, session_id=hedge))
    live.began[slice_.slice_id] = state.now
    return True


def _late_times(live: Live) -> Iterator[tuple[str, float]]:
    if not live.began or len(live.queue) or not live.run.crawled or live.run.stopping is not None:
        return
    if len(live.times) < COHORT_LEAST:
        return
    quartile = live.times[int(QUARTILE * (len(live.times) - 1))] / 1000
    for slice_id, began in live.began.items():
        if slice_id not in live.hedges and live.slices[slice_id].state is SliceState.RUNNING:
            yield slice_id, began + TIMES_LONGER * quartile
