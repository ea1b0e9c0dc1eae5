"""What must hold after every event. The tests call it; it is no part of the decisions."""

from collections import Counter
from collections.abc import Mapping

from data_manager.core.kinds import (
    CLOSING_NUMBER,
    OPENING_NUMBER,
    SHAPES,
    closes,
    run_of,
    slice_id,
)
from data_manager.core.live import Live
from data_manager.core.model import Position, RunState, SessionState, Slice, SliceState
from data_manager.core.rounds import wants
from data_manager.core.state import State

PLACED = (SliceState.RESERVED, SliceState.RUNNING)


class Broken(AssertionError):
    """An invariant does not hold."""


def check(state: State) -> None:
    """Raises Broken with what is wrong in what is at hand."""
    stocked, due = state.waiters.stocked(), state.waiters.due
    # At the tick all become due.
    ticking = state.reconcile_time <= state.now
    for run_id, live in state.lives.items():
        _hold(live.run.run_id == run_id, "a run is known by its id", run_id)
        _hold(ticking or not wants(state, live) or run_id in due, "who wants is due", run_id)
        _hold(not live.queue.ready or live in stocked, "who has slices is stocked", run_id)
        _hold(not live.run.state.terminal, "runs that are over are forgotten", run_id)
        _check_queue(live)
        _check_streams(live)
        _check_order(live)
        _check_wakes(state, live)
    _check_sessions(state)
    _check_feeding(state)
    _check_storages(state)


def check_stored(state: State, slices: Mapping[str, Slice]) -> None:
    """Raises Broken with what is wrong between what is at hand and all that is stored."""
    stored: dict[str, list[Slice]] = {run_id: [] for run_id in state.lives}
    for slice_ in slices.values():
        if slice_.run_id in stored:
            stored[slice_.run_id].append(slice_)
    for run_id, live in state.lives.items():
        _check_partition(live, stored[run_id])
        _check_coverage(live, slices)


def _check_partition(live: Live, stored: list[Slice]) -> None:
    """S1 and S2: every slice is in exactly one state, and they add up; what is queued waits."""
    counted = Counter(slice_.state for slice_ in stored)
    _hold(+live.tally == counted, "slices add up", live.tally, counted)
    closings = [slice_ for slice_ in stored if closes(slice_.number)]
    expected = 1 + live.run.bodies + len(closings)
    _hold(len(stored) == expected, "no slice is lost or invented", stored)
    before = sorted((s.number for s in closings if s.number != live.closing_number), reverse=True)
    called_off = all(s.state is SliceState.CANCELLED for s in closings if s.number in before)
    numbers = list(range(CLOSING_NUMBER, live.closing_number, -1))
    _hold(called_off and before == numbers, "closings before the last are called off", closings)
    _hold(len(live.queue) == counted[SliceState.QUEUED], "the queue is what is queued", live.queue)
    front = live.queue.front()
    aside = set(live.queue.ids()).difference(front)
    waiting = [s for s in stored if s.state is SliceState.QUEUED and s.slice_id not in aside]
    order = [s.slice_id for s in sorted(waiting, key=lambda s: (s.turn, s.number))]
    _hold(order[: len(front)] == front, "the queue at hand is the front of all", front, order)


def _check_queue(live: Live) -> None:
    """S2: a slice stands in its queue once if queued, else not at all."""
    standing = Counter(live.queue.ids())
    queued = {s.slice_id for s in live.slices.values() if s.state is SliceState.QUEUED}
    _hold(standing == Counter(queued), "the queue at hand is queued", standing, queued)


def _check_streams(live: Live) -> None:
    """S12: streams within the parallel setting."""
    streams = live.run.request.options.streams
    _hold(len(live.streams) <= streams, "streams within the setting", live.streams, streams)


def _check_sessions(state: State) -> None:
    """S4: each slice is in the one session that it names, and is as far as that."""
    held: dict[str, str] = {}
    for session in state.sessions.values():
        reserving = session.state is SessionState.RESERVING
        expected = SliceState.RESERVED if reserving else SliceState.RUNNING
        for name in session.slice_ids:
            live = state.lives[run_of(name)]
            slice_ = live.slices[name]
            most = live.run.request.options.slices_per_session
            _hold(len(session.slice_ids) <= most or session.fed, "at most N slices", session)
            _hold(name not in held, "a slice is in one session", name)
            _hold(slice_.session_id == session.session_id, "a slice knows its session", slice_)
            _hold(slice_.state is expected, "a slice is as far as its session", slice_)
            _hold(session.session_id in live.streams, "who holds a slice is a stream", session)
            held[name] = session.session_id
    for live in state.lives.values():
        for slice_ in live.slices.values():
            placed = slice_.state in PLACED
            _hold((slice_.slice_id in held) == placed, "a slice is in a session or not", slice_)
            _hold((slice_.session_id is not None) == placed, "only placed ones name one", slice_)


def _check_feeding(state: State) -> None:
    """Sessions that are fed: who has nothing is on the list of those that want more."""
    for session in state.sessions.values():
        names = {run_of(name) for name in session.slice_ids}
        _hold(session.fed or names <= {session.run_id}, "only who is fed serves others", session)
        for run_id in names:
            repository = state.lives[run_id].run.request.repository
            _hold(repository == session.repository, "a session has one repository", session)
        idle = session.fed and session.state is SessionState.RUNNING and not session.slice_ids
        listed = any(session.session_id in hunger.idle for hunger in state.hunger.values())
        _hold(idle == listed, "who idles is hungry", session)
    for repository, hunger in state.hunger.items():
        _hold(list(hunger.idle.values()) == sorted(hunger.idle.values()), "the longest idle first")
        for session_id in (*hunger.idle, *hunger.ahead):
            session = state.sessions[session_id]
            running = session.fed and session.state is SessionState.RUNNING
            _hold(running, "who is hungry runs and is fed", session)
            _hold(session.repository == repository, "who is hungry is fed of its own", session)
            _hold(not state.is_ending(session_id), "who was told to stop gets no more", session)


def _check_wakes(state: State, live: Live) -> None:
    """Whatever a run waits for is on its way, and sessions that it counts are there."""
    reserving = [
        s.session_id
        for s in state.sessions.values()
        if s.state is SessionState.RESERVING and s.run_id == live.run.run_id
    ]
    _hold(live.reserving == len(reserving), "reservations add up", live.reserving, reserving)
    _hold(live.streams.keys() <= state.sessions.keys(), "streams are sessions", live.streams)
    _hold(live.ending <= state.sessions.keys(), "what is to end is there", live.ending)
    stopping = live.run.stopping is not None
    loaded = live.queue.ready > 0 or not live.queue.wants_loading()
    _hold(stopping or loaded, "more of a queue is on its way", live.queue)
    later = {slice_id for _, _, _, slice_id in state.later}
    for name in set(live.queue.ids()).difference(later):
        _hold(not live.queue.is_later(name), "who waits for a time has one", name)


def _check_storages(state: State) -> None:
    """Streams of a primary storage are counted as they are."""
    counted: Counter[str] = Counter()
    for live in state.lives.values():
        counted[live.run.request.storage] += len(live.streams)
    _hold(+state.storage_streams == +counted, "streams add up", state.storage_streams, counted)


def _check_coverage(live: Live, slices: Mapping[str, Slice]) -> None:
    """S5: the slices lie end to end, from the origin to where the crawl is."""
    place: Position | None = Position()
    for number in range(1, live.run.bodies + 1):
        span = slices[slice_id(live.run.run_id, number)].span
        _hold(span is not None and span.start == place, "slices lie end to end", number, span)
        place = span.stop if span else None
    _hold(place == live.run.cut_through, "the last cut is known", place, live.run)


def _check_order(live: Live) -> None:
    """The closing comes last, and what is stopped has no work left and a timer."""
    if live.run.stopping is not None:
        _hold(not live.open_slices, "what is stopped has no work left", live.tally)
        _hold(live.stop_by is not None, "what stops has a timer", live.run)
    elif live.closing is not None:
        _hold(live.open_slices <= 1, "the closing is last", live.tally)
        _hold(live.run.state is RunState.SEALING, "a closing run seals", live.run)
    opening = live.slices.get(slice_id(live.run.run_id, OPENING_NUMBER))
    expected = SHAPES[live.run.request.kind].opening
    _hold(opening is None or opening.kind is expected, "a run opens as its kind", opening)


def _hold(condition: bool, what: str, *found: object) -> None:
    if not condition:
        raise Broken(f"{what}: {found}")
