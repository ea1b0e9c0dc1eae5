"""What a closing finds to be gone: slices that are done are queued again, the one way out of a
terminal state, as done means that what they stored is there.

The closing itself is called off (cancelled), and another comes when all are done again; so what it
was told to join can not come true late. That it was called off is how a restart knows.
"""

from collections.abc import Sequence
from dataclasses import replace

from data_manager.core.effects import QueueAgain
from data_manager.core.evolving import evolve
from data_manager.core.kinds import CLOSING_NUMBER, closes
from data_manager.core.live import Live
from data_manager.core.model import Counts, Failure, RunState, Slice, SliceState, UnreadFile
from data_manager.core.pausing import storage_answered
from data_manager.core.slices import FAILURES_MAX, leave_session, stop
from data_manager.core.state import State

AGAIN = "something removes from the repository what is not sealed yet, {times} times so far: {told}"


def lost(state: State, live: Live, closing: Slice, numbers: Sequence[int], message: str) -> None:
    """Puts slices back whose blobs are gone; no try of theirs is counted. A run that this happens
    to again and again fails."""
    again = tuple(sorted({each for each in numbers if 0 < each <= live.run.bodies}))
    storage_answered(state, live)
    leave_session(state, live, closing)
    times = 1 + CLOSING_NUMBER - live.closing_number
    if not again or times >= FAILURES_MAX:
        told = AGAIN.format(times=times, told=message)
        stop(state, live, RunState.FAILED, Failure.SLICES_LOST, told)
        return
    state.save_slice(live, evolve(closing, state=SliceState.CANCELLED, session_id=None))
    live.closing_number -= 1
    live.turns += 1
    live.tally[SliceState.DONE] -= len(again)
    live.tally[SliceState.QUEUED] += len(again)
    live.queue.found(len(again))
    live.waiting_since = state.now
    state.changes.again.append(QueueAgain(live.run.run_id, again, live.turns))
    state.save_run(live, replace(live.run, state=RunState.RUNNING))


def closing_number(live: Live) -> int:
    """The number of the closing of a run that a restart found: of the one after the last that was
    called off."""
    last = min((s.number for s in live.slices.values() if closes(s.number)), default=CLOSING_NUMBER)
    called_off = any(
        s.number == last and s.state is SliceState.CANCELLED for s in live.slices.values()
    )
    return last - called_off


def counted_again(counts: Counts) -> Counts:
    """Of what a slice did that had been done before: what came to it."""
    return Counts(read_bytes=counts.read_bytes, added_bytes=counts.added_bytes, blobs=counts.blobs)


def not_listed(live: Live, files: Sequence[UnreadFile]) -> tuple[UnreadFile, ...]:
    """Those of these files that no slice has told of yet."""
    listed = {(file.path, file.reason) for file in live.unread}
    return tuple(file for file in files if (file.path, file.reason) not in listed)
