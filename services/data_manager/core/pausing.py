"""Pauses: runs whose backup storage is away or full wait for it, and no try of theirs is counted.

The restores of a repository wait apart from its backups: what is full can still be read. Nothing of
this is stored; after a restart the next failure says it again.
"""

from collections.abc import Iterator

from data_manager.core.breaker import FIRST_WAIT_SECONDS, Breaker
from data_manager.core.kinds import run_of
from data_manager.core.live import Live
from data_manager.core.model import Failure, Slice, SliceState
from data_manager.core.state import State

# What storage is at fault for. More tries would help nothing, and time may.
BY_STORAGE = frozenset((Failure.STORAGE_AWAY, Failure.STORAGE_FULL))
WITHOUT_END = 2**31


def breaker_of(state: State, live: Live) -> Breaker | None:
    """The breaker that a run waits for; None when its storage is well, as far as is known."""
    return state.breakers.get(_key(live))


def storage_failed(state: State, live: Live, slice_: Slice, failure: Failure, message: str) -> None:
    """Storage did not do what a slice asked of it: its runs pause, or go on pausing."""
    breaker = breaker_of(state, live)
    if breaker is None:
        seconds = FIRST_WAIT_SECONDS * (1 + state.jitter()) / 2
        state.breakers[_key(live)] = Breaker(failure, message, state.now, state.now + seconds)
    else:
        breaker.failure, breaker.message = failure, message
        if _is_probe(breaker, slice_):
            breaker.stay_open(state.now, state.jitter())
    _tell(state, live)


def storage_answered(state: State, live: Live) -> None:
    """A slice is done, so storage is well: all who wait for it go on."""
    if state.breakers.pop(_key(live), None) is not None:
        _tell(state, live)
        for other in _of(state, _key(live)):
            other.ask_time = state.now
            state.touch(other.run.run_id)


def may_begin(state: State, live: Live) -> int:
    """How many slices of a run may be begun now, as far as its storage matters."""
    breaker = breaker_of(state, live)
    if breaker is None:
        return WITHOUT_END
    return int(breaker.probe_time <= state.now and not _probing(state, breaker))


def note_begun(state: State, live: Live, slice_: Slice) -> None:
    """A slice was begun. One that was begun in a pause is its probe."""
    if breaker := breaker_of(state, live):
        breaker.begin_probe(slice_.slice_id, slice_.attempt, state.now)


def counts_tries(state: State, live: Live, slice_: Slice) -> bool:
    """False for what failed in a pause, unless it was the probe: with it storage was not at
    fault."""
    breaker = breaker_of(state, live)
    return breaker is None or _is_probe(breaker, slice_)


def look(state: State) -> None:
    """Lets those ask for places whose probe is due; forgets what nobody waits for any more."""
    for key, breaker in list(state.breakers.items()):
        waiting = _of(state, key)
        if not waiting:
            del state.breakers[key]
        elif breaker.probe_time <= state.now:
            state.waiters.due.update((live.run.run_id, live) for live in waiting)


def patience_ends(state: State) -> Iterator[tuple[Live, float, Breaker]]:
    """The runs that pause, each with the time when it has waited for as long as it may."""
    for key, breaker in state.breakers.items():
        for live in _of(state, key):
            since = max(breaker.opened_time, live.added_time)
            yield live, since + live.run.request.options.storage_wait_seconds, breaker


def wake_times(state: State) -> Iterator[float]:
    """When a probe is due, or a run has waited for long enough."""
    for breaker in state.breakers.values():
        if breaker.probe_time > state.now:
            yield breaker.probe_time
    for _, time, _ in patience_ends(state):
        yield time


def _of(state: State, key: tuple[str, str]) -> list[Live]:
    """The runs that wait for the same, and are not told to stop."""
    return [
        live for live in state.lives.values() if _key(live) == key and live.run.stopping is None
    ]


def _key(live: Live) -> tuple[str, str]:
    return live.run.request.repository, live.run.request.kind


def _is_probe(breaker: Breaker, slice_: Slice) -> bool:
    return breaker.probe == (slice_.slice_id, slice_.attempt)


def _probing(state: State, breaker: Breaker) -> bool:
    """True while the probe is on its way or runs."""
    if breaker.probe is None:
        return False
    slice_id, attempt = breaker.probe
    live = state.lives.get(run_of(slice_id))
    slice_ = live.slices.get(slice_id) if live else None
    if slice_ is None or slice_.attempt != attempt:
        return False
    return slice_.state in (SliceState.RESERVED, SliceState.RUNNING)


def _tell(state: State, live: Live) -> None:
    """Those who watch are told of a pause."""
    state.changes.told.update(other.run.run_id for other in _of(state, _key(live)))
