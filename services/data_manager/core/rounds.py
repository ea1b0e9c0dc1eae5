"""Capacity, Reserve, Initiate: steps 410 to 426, round after round."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from data_manager.core import hedging
from data_manager.core.batch import deal, session_sizes
from data_manager.core.contending import allot
from data_manager.core.effects import AskCapacity, Initiate, Release, Reserve
from data_manager.core.events import InitiationRefused, ReservationAnswered, ReservationUnanswered
from data_manager.core.evolving import evolve
from data_manager.core.kinds import run_of
from data_manager.core.live import FIRST_DELAY_SECONDS, Live
from data_manager.core.model import Failure, Session, SessionState, Slice, SliceState, Task
from data_manager.core.options import Method, SliceOrder
from data_manager.core.pausing import breaker_of, may_begin, note_begun
from data_manager.core.predictions import smoothed
from data_manager.core.slices import begin_running, put_back_session
from data_manager.core.state import State
from data_manager.core.weights import SESSION_BYTES, weight

# So many one request may name; the next round takes the next.
RESERVED_AT_ONCE = 1_000


def begin_round(state: State) -> None:
    """Asks for the capacity if a populated queue may have more sessions now."""
    if state.asking:
        return
    hedging = state.waiters.hedging.values()
    if _wanting(state) or any(_hedged(state, live) for live in hedging):
        state.asking = True
        state.ask_capacity_time = state.now
        state.ask(AskCapacity())


def wake_times(state: State) -> Iterator[float]:
    """When a round could be due that is not due now."""
    if (time := state.waiters.next_time) is not None:
        yield time
    yield from hedging.wake_times(state)


def capacity_reported(state: State, places: int, closed: tuple[str, ...]) -> None:
    """Composes sessions, at most as many as there are places, and reserves all in one request."""
    state.asking, state.reachable, state.closed = False, True, closed
    # What was reserved since the capacity was asked for is not in the answer yet.
    asked_for = sum(time >= state.ask_capacity_time for time in state.reserve_times.values())
    wanting = _wanting(state)
    free = max(0, places - asked_for)
    places = min(free, RESERVED_AT_ONCE)
    allotted = allot(state, wanting, places)
    sessions: list[Session] = []
    for live in wanting:
        count = allotted.get(live.run.run_id, 0)
        live.starved = not count
        if asked_for or free > places:
            # There may be more than the answer knows, or than one request names.
            state.back_off(live)
        else:
            # There is no more, until a session ends, or it is told so, or the next tick.
            live.ask_time = state.reconcile_time
        if count and may_begin(state, live):
            sessions += _compose(state, live, count)
    hedges = list(_hedges(state, places - len(sessions)))
    if sessions or hedges:
        avoid = {session.session_id: host_name for session, host_name in hedges}
        state.ask(Reserve((*sessions, *(session for session, _ in hedges)), avoid))


def capacity_unanswered(state: State) -> None:
    """Lets everybody wait a little before the next round."""
    state.asking = state.reachable = False
    for live in state.lives.values():
        state.back_off(live)


def capacity_grew(state: State) -> None:
    """Whoever waits may ask again, at once (steps 534 to 538)."""
    state.let_all_ask()
    for live in state.lives.values():
        live.delay = FIRST_DELAY_SECONDS


def reservation_answered(state: State, event: ReservationAnswered) -> None:
    """Initiates what is granted, also when others are declined; these go to the end."""
    unused: list[str] = []
    declined: list[str] = []
    for session_id in event.session_ids:
        session = state.sessions.get(session_id)
        if session_id not in event.granted:
            declined.append(session_id)
        elif session is None:
            unused.append(session_id)
        elif session.state is SessionState.RESERVING:
            host_name = event.hosts.get(session_id, "")
            _begin_session(state, replace(session, host_name=host_name))
    _decline(state, declined)
    if unused:
        state.ask(Release(tuple(unused)))


def reservation_unanswered(state: State, event: ReservationUnanswered) -> None:
    """Counts all as declined; a place that is held after all is given back."""
    _decline(state, event.session_ids)
    state.ask(Release(event.session_ids))


def tasks_of(state: State, session: Session) -> tuple[Task, ...]:
    """What a session holds, with the runs that say what it is."""
    tasks: list[Task] = [hedging.task(state, session)] if session.hedge else []
    for slice_id in session.slice_ids:
        live = state.lives[run_of(slice_id)]
        tasks.append(Task(live.run, live.slices[slice_id]))
    return tuple(tasks)


def initiate(state: State, session: Session) -> None:
    """Starts a session, or makes sure that it was started: twice is once."""
    state.ask(Initiate(session, tasks_of(state, session)))


def initiated(state: State, session_id: str) -> None:
    """The session runs, unless it is over already.

    What else is not known of it stays so: this may answer a call to an earlier proxy manager.
    """
    session = state.sessions.get(session_id)
    if session is not None and session.state is SessionState.INITIATING:
        begin_running(state, session)


def lapsed(state: State, session_id: str) -> None:
    """The session will not run; its slices go back. One that was to run already, by an earlier
    proxy manager, may have a host that is not back yet: it is made sure of again."""
    session = state.sessions.get(session_id)
    if session is not None and session.state is SessionState.RUNNING:
        state.unanswered.add(session_id)
    if session is not None and session.state is SessionState.INITIATING:
        put_back_session(state, session)
        state.drop_session(session_id, "its reservation lapsed")
        if live := state.lives.get(session.run_id):
            state.back_off(live)


def initiation_unanswered(state: State, session_id: str) -> None:
    """It is made sure of at the next reconciliation."""
    session = state.sessions.get(session_id)
    if session is not None and session.state is SessionState.INITIATING:
        state.unanswered.add(session_id)


def initiation_refused(state: State, event: InitiationRefused) -> None:
    """The session's work is at fault, or this program: that counts as a failure."""
    session = state.sessions.get(event.session_id)
    if session is not None and session.state is SessionState.INITIATING:
        put_back_session(state, session, Failure.INTERNAL, event.message)
        state.drop_session(event.session_id, event.message)


def _may_have_more(state: State, live: Live) -> bool:
    room = min(live.room, state.storage_room(live), may_begin(state, live))
    return live.run.stopping is None and room > 0


def _wanting(state: State) -> list[Live]:
    """The runs that may have more sessions now, in the order in which they began."""
    waiters = state.waiters
    wanting: list[Live] = []
    for run_id, live in list(waiters.due.items()):
        if wants(state, live):
            wanting.append(live)
            continue
        del waiters.due[run_id]
        # At the tick all are looked at.
        if state.now < live.ask_time < state.reconcile_time:
            waiters.look_later(live)
    return sorted(wanting, key=lambda live: live.begun)


def wants(state: State, live: Live) -> bool:
    """True for a run that may have more sessions now."""
    return live.queue.ready > 0 and live.ask_time <= state.now and _may_have_more(state, live)


def _compose(state: State, live: Live, count: int) -> Iterator[Session]:
    """Sessions with the slices from the front of a queue; none without a slice."""
    state.note_given(live)
    method = state.method(live)
    paused = breaker_of(state, live) is not None
    for slice_ids in _probe(live) if paused else _hands(live, method, count):
        session = _new_session(state, live, slice_ids, method)
        for slice_id in slice_ids:
            place(state, live, slice_id, session.session_id, SliceState.RESERVED)
        yield session


def _new_session(
    state: State, live: Live, slice_ids: tuple[str, ...], method: Method, hedge: Slice | None = None
) -> Session:
    number = live.run.sessions_made + 1
    session_id = f"{state.name}.{live.run.run_id}.{number}"
    state.save_run(live, replace(live.run, sessions_made=number))
    repository = live.run.request.repository
    session = Session(
        session_id, live.run.run_id, SessionState.RESERVING, slice_ids, method, repository
    )
    if hedge is not None:
        session = replace(session, hedge=hedge.slice_id, hedge_attempt=hedge.attempt + 1)
    live.reserving += 1
    state.save_session(session)
    state.hold(live, session_id, len(slice_ids))
    state.reserve_times[session_id] = state.now
    return session


def _hedged(state: State, live: Live) -> Slice | None:
    """The slice of a run that is to be started a second time now."""
    if live.ask_time > state.now or not _may_have_more(state, live) or breaker_of(state, live):
        return None
    return hedging.late(state, live)


def _hedges(state: State, places: int) -> Iterator[tuple[Session, str]]:
    """Sessions that do slices a second time, each with the host where the first one is."""
    for live in state.waiters.hedging.values():
        if places > 0 and (slice_ := _hedged(state, live)):
            places -= 1
            first = state.sessions[slice_.session_id or ""]
            session = _new_session(state, live, (), Method.PER_SLICE, slice_)
            live.hedges[slice_.slice_id] = session.session_id
            yield session, first.host_name


def place(state: State, live: Live, slice_id: str, session_id: str, as_: SliceState) -> None:
    """Gives a slice to a session. The attempt is new: nothing of an older one can count more."""
    slice_ = live.slices[slice_id]
    placed = evolve(slice_, state=as_, attempt=slice_.attempt + 1, session_id=session_id)
    state.save_slice(live, placed)
    note_begun(state, live, placed)


def _hands(live: Live, method: Method, count: int) -> list[tuple[str, ...]]:
    """The slices that each session begins with. One that is fed gets more once it runs.

    The longest first are dealt out like cards: else one session would have all that are long.
    """
    options = live.run.request.options
    sizes = [1] * count
    if method is Method.BATCH:
        most = options.slices_per_session
        sizes = session_sizes(live.queue.ready, count, most, len(live.streams))
    if options.order is SliceOrder.LONGEST_FIRST:
        return deal(live, sizes)
    return [live.queue.take(size, lambda s: weight(live, s), SESSION_BYTES) for size in sizes]


def _probe(live: Live) -> list[tuple[str, ...]]:
    """The one slice that shows how storage is."""
    return [live.queue.take(1, lambda _: 0, 0)]


def _begin_session(state: State, session: Session) -> None:
    live = state.lives[session.run_id]
    for slice_id in session.slice_ids:
        state.save_slice(live, evolve(live.slices[slice_id], state=SliceState.RUNNING))
    begun = replace(session, state=SessionState.INITIATING)
    state.save_session(begun)
    live.reserving -= 1
    live.ask_time, live.delay = state.now, FIRST_DELAY_SECONDS
    state.note_peak(live)
    if (asked := state.reserve_times.pop(session.session_id, None)) is not None:
        state.start_seconds = smoothed(state.start_seconds, state.now - asked)
    initiate(state, begun)


def _decline(state: State, session_ids: Iterable[str]) -> None:
    waiting: dict[str, Live] = {}
    for session_id in session_ids:
        session = state.sessions.get(session_id)
        if session is None or session.state is not SessionState.RESERVING:
            continue
        put_back_session(state, session)
        state.drop_session(session_id, "declined")
        if live := state.lives.get(session.run_id):
            waiting[session.run_id] = live
    for live in waiting.values():
        live.starved = True
        state.back_off(live)
