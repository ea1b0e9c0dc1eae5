"""What sessions say: cuts, ends of slices, ends of sessions. Each may come twice, or too late."""

from collections.abc import Sequence
from dataclasses import replace

from data_manager.core import hedging, losses
from data_manager.core.effects import CancelSession, SaveVerdict
from data_manager.core.events import (
    CutsMade,
    Progressed,
    SessionEnded,
    SliceEnded,
    VerdictsMade,
)
from data_manager.core.evolving import evolve
from data_manager.core.kinds import BODIES, OPENING_NUMBER, SHAPES, UNCOUNTED, run_of, slice_id
from data_manager.core.live import Live
from data_manager.core.model import (
    Cut,
    Failure,
    Position,
    RunKind,
    RunState,
    Slice,
    SliceKind,
    SliceState,
    UnreadFile,
    UnreadReason,
)
from data_manager.core.pausing import storage_answered
from data_manager.core.predictions import predicted_ms, smoothed
from data_manager.core.rounds import capacity_grew
from data_manager.core.slices import end_crawl, fail, leave_session, put_back_session, stop
from data_manager.core.state import State

TOO_MANY_SLICES = (
    "the asset is cut into more than {most:,} slices, which is more than one backup may have;"
    " choose larger slices (slice_bytes, slice_files)"
)
FAILED_BY_DAMAGE = (RunKind.VERIFY, RunKind.MAINTENANCE)
GAP = "its cuts do not lie end to end: please report this fault of Sluicegate"


def cuts_made(state: State, event: CutsMade) -> None:
    """Queues a slice for each cut (step 406); copying starts while the crawl goes on."""
    found = _current(state, event)
    if found is None:
        stop_unknown(state, event.session_id)
        return
    live, slice_ = found
    run = live.run
    shape = SHAPES[run.request.kind]
    if slice_.number != OPENING_NUMBER or not shape.body:
        return
    if not _end_to_end(run.cut_through, event.cuts):
        # Those that were taken in before come again. A host that forgot a session may begin it
        # anew, from where the cuts are by then: so what is next is told by its place.
        if event.batch_number >= run.batches:
            _slice_failed(state, live, slice_, Failure.INTERNAL, GAP)
        return
    if run.bodies + len(event.cuts) > shape.bodies_max:
        message = TOO_MANY_SLICES.format(most=shape.bodies_max)
        stop(state, live, RunState.FAILED, Failure.INTERNAL, message)
        return
    for number, cut in enumerate(event.cuts, run.bodies + 1):
        name = slice_id(run.run_id, number)
        predicted = predicted_ms(cut)
        new = Slice(name, run.run_id, number, shape.body, cut.span, predicted_ms=predicted)
        state.enqueue(live, new)
    state.save_run(
        live,
        replace(
            run,
            batches=max(run.batches, event.batch_number + 1),
            bodies=run.bodies + len(event.cuts),
            cut_through=event.cuts[-1].span.stop,
            total_bytes=run.total_bytes + sum(cut.bytes for cut in event.cuts),
            total_files=run.total_files + sum(cut.files for cut in event.cuts),
            snapshot_id=event.snapshot_id if run.snapshot_id is None else run.snapshot_id,
        ),
    )


def verdicts_made(state: State, event: VerdictsMade) -> None:
    """Keeps what becomes of snapshots; what is said again says the same, or better."""
    found = _current(state, event)
    if found is None:
        stop_unknown(state, event.session_id)
        return
    run_id = found[0].run.run_id
    state.changes.verdicts += [SaveVerdict(run_id, *verdict) for verdict in event.verdicts.items()]


def slice_ended(state: State, event: SliceEnded) -> None:
    """Takes in a result once, and only that of the current attempt."""
    found = _current(state, event) or _hedge(state, event)
    if found is None:
        stop_unknown(state, event.session_id)
        return
    live, slice_ = found
    if event.failure is Failure.SLICES_LOST and slice_.number == live.closing_number:
        losses.lost(state, live, slice_, event.lost, event.message)
    elif event.failure is not None:
        _slice_failed(state, live, slice_, event.failure, event.message)
    elif slice_.number == OPENING_NUMBER and _cut_short(live):
        _slice_failed(state, live, slice_, Failure.INTERNAL, GAP)
    else:
        _slice_done(state, live, slice_, event)


def session_ended(state: State, event: SessionEnded) -> None:
    """Puts back what the session has left; its place is free, so whoever waits may ask again."""
    capacity_grew(state)
    session = state.sessions.get(event.session_id)
    if session is None:
        return
    failure = event.failure or Failure.SESSION_LOST
    message = event.message or "the session ended before its slices did"
    put_back_session(state, session, failure, message)
    state.drop_session(event.session_id, event.message)


def progressed(state: State, event: Progressed) -> None:
    """Notes how far a running slice is, for those who watch."""
    if found := _current(state, event):
        live, slice_ = found
        live.progress[slice_.slice_id] = event.counts
        live.told = event.told
        state.changes.told.add(live.run.run_id)


def _current(
    state: State, event: CutsMade | VerdictsMade | SliceEnded | Progressed
) -> tuple[Live, Slice] | None:
    """The fence: the slice that is meant, if it runs and this is its current attempt."""
    live = state.lives.get(run_of(event.slice_id))
    slice_ = live.slices.get(event.slice_id) if live else None
    if live is None or slice_ is None or slice_.state is not SliceState.RUNNING:
        return None
    if slice_.attempt != event.attempt or slice_.session_id != event.session_id:
        return None
    return live, slice_


def _hedge(state: State, event: SliceEnded) -> tuple[Live, Slice] | None:
    """The slice that is meant, if this is the result of its hedge. A hedge that failed is none."""
    live = state.lives.get(run_of(event.slice_id))
    slice_ = live.slices.get(event.slice_id) if live else None
    if live is None or slice_ is None or event.failure is not None:
        return None
    won = hedging.counts(state, slice_, event.session_id, event.attempt)
    return (live, slice_) if won else None


def stop_unknown(state: State, session_id: str) -> None:
    """A session that is over here and still works was started by a call that came very late."""
    if session_id not in state.sessions:
        state.ask(CancelSession(session_id))


def _end_to_end(start: Position | None, cuts: Sequence[Cut]) -> bool:
    for cut in cuts:
        if start is None or cut.span.start != start:
            return False
        start = cut.span.stop
    return True


def _cut_short(live: Live) -> bool:
    """True when there are cuts, but none that reaches the end of the walk."""
    return live.run.bodies > 0 and live.run.cut_through is not None


def _slice_failed(state: State, live: Live, slice_: Slice, failure: Failure, message: str) -> None:
    leave_session(state, live, slice_)
    fail(state, live, slice_, failure, message)


def _slice_done(state: State, live: Live, slice_: Slice, event: SliceEnded) -> None:
    storage_answered(state, live)
    hedging.settle(state, live, slice_, event.session_id)
    leave_session(state, live, slice_)
    if slice_.number == OPENING_NUMBER:
        end_crawl(state, live, slice_)
        if live.run.snapshot_id is None:
            state.save_run(live, replace(live.run, snapshot_id=event.result_id))
        if slice_.kind is SliceKind.MAINTAIN:
            state.save_run(live, replace(live.run, message=event.message))
    else:
        _body_done(state, live, slice_, event)
    counts = live.run.counts
    if slice_.kind not in UNCOUNTED:
        counts += losses.counted_again(event.counts) if slice_.result_id else event.counts
    unread_count = live.run.unread_count + _list_unread(state, live, slice_, event)
    state.save_run(live, evolve(live.run, counts=counts, unread_count=unread_count))


def _body_done(state: State, live: Live, slice_: Slice, event: SliceEnded) -> None:
    done = evolve(
        slice_,
        state=SliceState.DONE,
        attempt=event.attempt,
        session_id=None,
        result_id=event.result_id,
        took_ms=event.took_ms,
    )
    state.save_slice(live, done)
    if slice_.kind in BODIES:
        # The database has it; here it would only take room.
        state.forget(live, (slice_.slice_id,))
        if event.took_ms:
            hedging.note_done(live, event.took_ms)
            live.slice_seconds = smoothed(live.slice_seconds, event.took_ms / 1000)
            live.pace = smoothed(live.pace, event.took_ms / max(1, slice_.predicted_ms))


def _list_unread(state: State, live: Live, slice_: Slice, event: SliceEnded) -> int:
    """Lists the files that a slice could not read; how many there are. Damage fails a verify or a
    check, but at its end: so it tells all that there is.

    A seal names the slices that failed for good, which are listed since they were given up.
    """
    known = live.tally[SliceState.FAILED] if slice_.kind is SliceKind.SEAL else 0
    if slice_.result_id:
        # It was done before, and told then what it could not read.
        event = replace(event, unread_files=losses.not_listed(live, event.unread_files))
        known = event.unread_count - len(event.unread_files)
    for file in event.unread_files:
        if not known or file.reason is not UnreadReason.SLICE_FAILED:
            state.list_unread(live, file)
        if file.reason is UnreadReason.DAMAGED and live.run.request.kind in FAILED_BY_DAMAGE:
            _note_damage(state, live, file)
    return max(0, event.unread_count - known)


def _note_damage(state: State, live: Live, file: UnreadFile) -> None:
    if live.run.failure is None:
        damaged = Failure.REPOSITORY_DAMAGED
        state.save_run(live, replace(live.run, failure=damaged, message=file.detail))
