"""Continuous feeding: figures 6.1 and 6.2. Sessions get slice after slice from any queue."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace

from data_manager.core.contending import turns_of
from data_manager.core.effects import Drain, Feed
from data_manager.core.evolving import evolve
from data_manager.core.giving_way import promised, wants_more
from data_manager.core.hedging import note_begun
from data_manager.core.hunger import Hunger
from data_manager.core.live import Live
from data_manager.core.model import Session, SessionState, SliceState, Task
from data_manager.core.options import Method
from data_manager.core.pausing import breaker_of, may_begin
from data_manager.core.predictions import enough_ahead
from data_manager.core.rounds import initiate, place, tasks_of
from data_manager.core.state import State
from data_manager.core.turns import Contender, Turns

# A session that has nothing to do waits so long for what may still come.
LINGER_SECONDS = 30.0


def feed(state: State) -> None:
    """Gives sessions that have too little before them the next slices, whatever asset they are
    of; those that have nothing first (step 612). Drains those for which nothing is left, and
    those whose places others get, when it is their turn."""
    fed: dict[str, list[Task]] = {}
    for repository, hunger in state.hunger.items():
        if not hunger:
            continue
        others = promised(state, repository)
        lives = _feeding(state, repository)
        if sessions := _sessions(hunger, lives):
            waiting = [*lives, *(state.lives[run_id] for run_id in others)]
            turns = turns_of(state, waiting, others)
            _feed_all(state, sessions, turns, others, fed)
        _drain_idle(state, repository, hunger, others)
    for session_id, tasks in fed.items():
        state.ask(Feed(session_id, tuple(tasks)))


def wake_times(state: State) -> Iterator[float]:
    """When a session has waited for long enough."""
    for hunger in state.hunger.values():
        for since in hunger.idle.values():
            yield since + LINGER_SECONDS
            break


def assure(state: State, session: Session) -> None:
    """Makes sure that a session has what it was given and told: again does no harm."""
    if session.state is SessionState.DRAINING:
        state.ask(Drain(session.session_id))
    elif session.state is not SessionState.RESERVING and (session.slice_ids or session.hedge):
        initiate(state, session)
        if session.fed and session.state is SessionState.RUNNING:
            state.ask(Feed(session.session_id, tasks_of(state, session)))


def _sessions(hunger: Hunger, lives: Sequence[Live]) -> list[str]:
    """The sessions to feed, those that have nothing first. The others only while there is more than
    those could do at once."""
    if not lives:
        return []
    if any(map(_has_to_spare, lives)):
        return [*hunger.idle, *hunger.ahead]
    return list(hunger.idle)


def _has_to_spare(live: Live) -> bool:
    """Nothing waits in one session that another, which comes free sooner, could do."""
    return live.queue.ready > len(live.streams)


def _feeding(state: State, repository: str) -> list[Live]:
    """The runs whose slices sessions of a repository are given now."""
    return [
        live
        for live in state.waiters.stocked()
        if live.run.request.repository == repository
        and live.run.stopping is None
        and may_begin(state, live)
        and state.method(live) is Method.CONTINUOUS
    ]


def _feed_all(
    state: State,
    sessions: Sequence[str],
    turns: Turns,
    others: dict[str, int],
    fed: dict[str, list[Task]],
) -> None:
    waiting = deque(sessions)
    ahead = {name: _seconds_ahead(state, state.sessions[name]) for name in sessions}
    while waiting and turns:
        session_id = waiting.popleft()
        session = state.sessions[session_id]
        if _satisfied(state, session, ahead[session_id]):
            state.sate(session)
            state.filled[session_id] = len(session.slice_ids)
        elif task := _feed_one(state, session_id, turns, others):
            ahead[session_id] += state.live_of(task.slice.slice_id).seconds(task.slice)
            fed.setdefault(session_id, []).append(task)
            waiting.append(session_id)


def _seconds_ahead(state: State, session: Session) -> float:
    """How long what a session holds will take."""
    seconds = 0.0
    for slice_id in session.slice_ids:
        live = state.live_of(slice_id)
        seconds += live.seconds(live.slices[slice_id])
    return seconds


def _satisfied(state: State, session: Session, seconds: float) -> bool:
    """True for one that has enough before it, or as much as it may have."""
    if not session.slice_ids:
        return False
    live = state.live_of(session.slice_ids[-1])
    if len(session.slice_ids) >= live.run.request.options.slices_per_session:
        return True
    return enough_ahead(len(session.slice_ids), seconds)


def _feed_one(state: State, session_id: str, turns: Turns, others: dict[str, int]) -> Task | None:
    """The next slice for a session, unless it is the turn of a run that it cannot serve: then one
    that has nothing gives way to it, and one that has something gets no more before it."""
    held = len(state.sessions[session_id].slice_ids)

    def usable(contender: Contender) -> bool:
        live = state.lives[contender.run_id]
        if contender.run_id in others:
            return wants_more(state, live, others[contender.run_id])
        spare = held == 0 or (
            breaker_of(state, live) is None
            and _has_to_spare(live)
            and held < live.run.request.options.slices_per_session
        )
        holds = session_id in live.streams
        if not may_begin(state, live):
            return False
        return spare and (holds or (live.room > 0 and state.storage_room(live) > 0))

    chosen = turns.next(usable)
    if chosen is None:
        return None
    if chosen.run_id in others:
        if held == 0:
            _drain(state, session_id)
            others[chosen.run_id] += 1
            turns.count(chosen, 1, state.now)
        turns.put(chosen)
        return None
    live = state.lives[chosen.run_id]
    turns.count(chosen, session_id not in live.streams, state.now)
    task = _give(state, live, session_id)
    if live.queue.ready:
        chosen.remaining -= 1
        turns.put(chosen)
    return task


def _give(state: State, live: Live, session_id: str) -> Task:
    [slice_id] = live.queue.take(1, lambda name: 0, 0)
    state.note_given(live)
    state.hold(live, session_id)
    place(state, live, slice_id, session_id, SliceState.RUNNING)
    state.note_peak(live)
    session = state.sessions[session_id]
    session = evolve(session, slice_ids=(*session.slice_ids, slice_id))
    state.save_session(session)
    state.want_more(session)
    note_begun(state, session)
    return Task(live.run, live.slices[slice_id])


def _drain_idle(state: State, repository: str, hunger: Hunger, others: dict[str, int]) -> None:
    """Lets sessions end for which no slice is left, or whose place others wait for."""
    if not hunger.idle:
        return
    more = _more_may_come(state, repository)
    ending: list[str] = []
    for session_id, since in hunger.idle.items():
        lives = (state.lives[run_id] for run_id in others)
        other = next((o for o in lives if wants_more(state, o, others[o.run.run_id])), None)
        if more and other is None and since + LINGER_SECONDS > state.now:
            # Nor has any after it waited for so long.
            break
        if other is not None:
            others[other.run.run_id] += 1
        ending.append(session_id)
    for session_id in ending:
        _drain(state, session_id)


def _drain(state: State, session_id: str) -> None:
    session = state.sessions[session_id]
    state.sate(session)
    state.save_session(replace(session, state=SessionState.DRAINING))
    state.ask(Drain(session_id))


def _more_may_come(state: State, repository: str) -> bool:
    return any(
        live.open_slices > 0
        and live.run.stopping is None
        and state.method(live) is Method.CONTINUOUS
        for live in state.waiters.fed(repository)
    )
