"""What must hold after every event. The tests call it; it is no part of the decisions."""

from collections import Counter

from data_manager.core.kinds import CLOSING_NUMBER, OPENING_NUMBER, SHAPES, slice_id
from data_manager.core.model import Position, RunState, SessionState, Slice, SliceState
from data_manager.core.state import Live, State


class Broken(AssertionError):
    """An invariant does not hold."""


def check(state: State) -> None:
    """Raises Broken with what is wrong."""
    for run_id, live in state.lives.items():
        _hold(live.run.run_id == run_id, "a run is known by its id", run_id)
        _hold(not live.run.state.terminal, "runs that are over are forgotten", run_id)
        _check_partition(live)
        _check_queue(live)
        _check_sessions(live)
        _check_coverage(live)
        _check_order(live)


def _check_partition(live: Live) -> None:
    """S1: every slice is in exactly one state, and they add up."""
    counted = Counter(slice_.state for slice_ in live.slices.values())
    _hold(+live.tally == counted, "slices add up", live.tally, counted)
    expected = 1 + live.run.bodies + (live.closing is not None)
    _hold(len(live.slices) == expected, "no slice is lost or invented", live.slices)


def _check_queue(live: Live) -> None:
    """S2: a slice stands in its queue once if queued, else not at all."""
    standing = Counter(live.queue.ids())
    queued = {s.slice_id for s in live.slices.values() if s.state is SliceState.QUEUED}
    _hold(standing == Counter(queued), "the queue is what is queued", standing, queued)


def _check_sessions(live: Live) -> None:
    """S4 and S12: sessions within the streams, each slice in the one session it names."""
    streams = live.run.request.options.streams
    _hold(len(live.sessions) <= streams, "sessions within the streams", live.sessions)
    held: Counter[str] = Counter()
    for session in live.sessions.values():
        most = live.run.request.options.slices_per_session
        _hold(len(session.slice_ids) <= most, "at most N slices a session", session)
        expected = (
            SliceState.RESERVED if session.state is SessionState.RESERVING else SliceState.RUNNING
        )
        for name in session.slice_ids:
            slice_ = live.slices[name]
            held[name] += 1
            _hold(slice_.session_id == session.session_id, "a slice knows its session", slice_)
            _hold(slice_.state is expected, "a slice is as far as its session", slice_)
    for slice_ in live.slices.values():
        placed = slice_.state in (SliceState.RESERVED, SliceState.RUNNING)
        _hold(held[slice_.slice_id] == placed, "a slice is in one session or none", slice_)
        _hold((slice_.session_id is not None) == placed, "only placed slices name one", slice_)


def _check_coverage(live: Live) -> None:
    """S5: the slices lie end to end, from the origin to where the crawl is."""
    place: Position | None = Position()
    for number in range(1, live.run.bodies + 1):
        span = live.slices[slice_id(live.run.run_id, number)].span
        _hold(span is not None and span.start == place, "slices lie end to end", number, span)
        place = span.stop if span else None
    _hold(place == live.run.cut_through, "the last cut is known", place, live.run)


def _check_order(live: Live) -> None:
    """The closing comes last, and what is stopped has no work left."""
    before = [s for s in live.slices.values() if s.number != CLOSING_NUMBER]
    if live.closing is not None and live.run.stopping is None:
        _hold(all(s.state.terminal for s in before), "the closing is last", before)
        _hold(live.run.state is RunState.SEALING, "a closing run seals", live.run)
    if live.run.stopping is not None:
        _hold(all(s.state.terminal for s in live.slices.values()), "stopped", live.slices)
        _hold(live.stop_by is not None, "what stops has a timer", live.run)
    _hold(_kind(live, OPENING_NUMBER) is SHAPES[live.run.request.kind].opening, "an opening")


def _kind(live: Live, number: int) -> object:
    slice_: Slice = live.slices[slice_id(live.run.run_id, number)]
    return slice_.kind


def _hold(condition: bool, what: str, *found: object) -> None:
    if not condition:
        raise Broken(f"{what}: {found}")
