"""What is known of the runs that are not over. Whatever changes here is also an effect."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from data_manager.core.breaker import Breaker
from data_manager.core.changes import Changes
from data_manager.core.effects import Action, SaveUnread
from data_manager.core.evolving import evolve
from data_manager.core.hunger import Hunger
from data_manager.core.kinds import UNCOUNTED, run_of
from data_manager.core.live import LONGEST_DELAY_SECONDS, Live
from data_manager.core.model import (
    Run,
    Session,
    SessionState,
    Slice,
    SliceState,
    Standing,
    UnreadFile,
)
from data_manager.core.options import Method, QueuePolicy, SliceOrder
from data_manager.core.predictions import effective
from data_manager.core.queues import WINDOW_SLICES, Key, Queue, window_of_each
from data_manager.core.waiters import Waiters

RECONCILE_SECONDS = 5.0
# A report has room for so many; all are counted.
UNREAD_LISTED = 1_000
UNREAD_BYTES = 400 << 10


class ImpossibleTransition(AssertionError):
    """A bug: the state machine was asked for a step that it does not have."""


@dataclass
class State:
    """All runs that are not over, and all sessions. `jitter` gives numbers from 0 to 1."""

    name: str
    policy: QueuePolicy
    jitter: Callable[[], float]
    now: float = 0.0
    lives: dict[str, Live] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    runs_of: dict[str, set[str]] = field(default_factory=dict)
    hunger: dict[str, Hunger] = field(default_factory=dict)
    filled: dict[str, int] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    waiters: Waiters = field(default_factory=Waiters)
    later: list[tuple[float, int, str, str]] = field(default_factory=list)
    storage_limits: dict[str, int] = field(default_factory=dict)
    storage_streams: Counter[str] = field(default_factory=Counter)
    storage_given: dict[str, float] = field(default_factory=dict)
    breakers: dict[tuple[str, str], Breaker] = field(default_factory=dict)
    asking: bool = False
    ask_capacity_time: float = 0.0
    closed: tuple[str, ...] = ()
    reachable: bool = True
    unanswered: set[str] = field(default_factory=set)
    reserve_times: dict[str, float] = field(default_factory=dict)
    start_seconds: float | None = None
    reconcile_time: float = 0.0
    begun: int = 0
    puts: int = 0
    changes: Changes = field(default_factory=Changes)
    window: int = WINDOW_SLICES

    def add(self, run: Run) -> Live:
        """A run that is not over, from now on."""
        self.begun += 1
        window = window_of_each(len(self.lives), self.window)
        live = Live(
            run, self.begun, waiting_since=self.now, queue=Queue(window), added_time=self.now
        )
        self.lives[run.run_id] = live
        self.waiters.add(live)
        self.touch(run.run_id)
        self._share_windows(window)
        return live

    def remove(self, run_id: str) -> None:
        """A run is over."""
        before = window_of_each(len(self.lives), self.window)
        self.waiters.remove(self.lives.pop(run_id))
        self._share_windows(before)

    def touch(self, run_id: str) -> None:
        """Something has changed of a run, from which more may follow."""
        self.touched.add(run_id)
        if live := self.lives.get(run_id):
            self.waiters.touch(live)

    def _share_windows(self, before: int) -> None:
        window = window_of_each(len(self.lives), self.window)
        if window != before:
            for live in self.lives.values():
                live.queue.window = window

    def live_of(self, slice_id: str) -> Live:
        """The run of a slice that is in flight."""
        return self.lives[run_of(slice_id)]

    def ask(self, action: Action) -> None:
        """Something is to be asked of others, once all is committed."""
        self.changes.ask(action)

    def method(self, live: Live) -> Method:
        """How the slices of a run become sessions now."""
        method = live.run.request.options.method
        return effective(method, live.slice_seconds, self.start_seconds)

    def save_run(self, live: Live, run: Run) -> None:
        """The run is now so."""
        live.run = run
        self.touch(run.run_id)
        self.changes.save_run(run)

    def save_slice(self, live: Live, slice_: Slice) -> None:
        """The slice is now so. Terminal ones never change."""
        old = live.slices.get(slice_.slice_id)
        if old is not None:
            if old.state.terminal:
                raise ImpossibleTransition(f"{old} was to become {slice_}")
            live.tally[old.state] -= 1
        live.slices[slice_.slice_id] = slice_
        live.tally[slice_.state] += 1
        live.progress.pop(slice_.slice_id, None)
        if slice_.state is not SliceState.RUNNING:
            live.began.pop(slice_.slice_id, None)
        self.touch(slice_.run_id)
        self.changes.save_slice(slice_)

    def enqueue(self, live: Live, slice_: Slice) -> None:
        """The slice is queued: a new one by the order of its run, one put back at the end."""
        longest_first = live.run.request.options.order is SliceOrder.LONGEST_FIRST
        if longest_first and slice_.attempt == 0:
            turn = -slice_.predicted_ms
        else:
            live.turns += 1
            turn = live.turns
        queued = evolve(slice_, state=SliceState.QUEUED, session_id=None, turn=turn)
        self.save_slice(live, queued)
        if not live.queue.ready:
            live.waiting_since = self.now
        if not live.queue.put(Key(turn, queued.number, queued.slice_id)):
            self.forget(live, (queued.slice_id,))
        self.forget(live, live.queue.shorten())

    def enqueue_later(self, live: Live, slice_: Slice, seconds: float) -> None:
        """The slice is queued, and joins the end when its time has come."""
        live.turns += 1
        queued = evolve(slice_, state=SliceState.QUEUED, session_id=None, turn=live.turns)
        self.save_slice(live, queued)
        live.queue.put_later(slice_.slice_id)
        self.puts += 1
        entry = (self.now + seconds, self.puts, live.run.run_id, slice_.slice_id)
        heapq.heappush(self.later, entry)

    def wake(self) -> None:
        """Lets those join the end of their queues whose time has come."""
        while self.later and self.later[0][0] <= self.now:
            _, _, run_id, slice_id = heapq.heappop(self.later)
            live = self.lives.get(run_id)
            if live is not None and live.queue.waits(slice_id):
                self.enqueue(live, live.slices[slice_id])

    def forget(self, live: Live, slice_ids: Iterable[str]) -> None:
        """The database alone knows these from now on."""
        for name in slice_ids:
            live.slices.pop(name, None)

    def save_session(self, session: Session) -> None:
        """The session is now so."""
        self.sessions[session.session_id] = session
        self.touch(session.run_id)
        self.changes.save_session(session)

    def drop_session(self, session_id: str, message: str = "") -> None:
        """The session is over."""
        session = self.sessions.pop(session_id)
        if session.hedge and (hedged := self.lives.get(session.run_id)):
            hedged.hedges.pop(session.hedge, None)
        self.unanswered.discard(session_id)
        self.sate(session)
        self.filled.pop(session_id, None)
        self.reserve_times.pop(session_id, None)
        live = self.lives.get(session.run_id)
        if live is not None and session.state is SessionState.RESERVING:
            live.reserving -= 1
        for run_id in self.runs_of.pop(session_id, ()):
            if other := self.lives.get(run_id):
                self.leave(other, session_id)
                other.ending.discard(session_id)
                self.touch(run_id)
        self.changes.drop_session(session_id, message)

    def want_more(self, session: Session) -> None:
        """A session that is fed and runs wants more."""
        self.hunger.setdefault(session.repository, Hunger()).add(session, self.now)

    def sate(self, session: Session) -> None:
        """A session wants nothing more, or gets none."""
        if hunger := self.hunger.get(session.repository):
            hunger.remove(session.session_id)

    def hold(self, live: Live, session_id: str, slices: int = 1) -> None:
        """The session holds so many more slices of a run."""
        if session_id not in live.streams:
            self.storage_streams[live.run.request.storage] += 1
            self.runs_of.setdefault(session_id, set()).add(live.run.run_id)
        live.streams[session_id] += slices

    def let_go(self, live: Live, session_id: str) -> None:
        """The session holds one slice of a run less. A session of one run is its stream still."""
        live.streams[session_id] -= 1
        session = self.sessions.get(session_id)
        if live.streams[session_id] <= 0 and (session is None or session.fed):
            self.leave(live, session_id)

    def is_ending(self, session_id: str) -> bool:
        """True when a session was told to stop with a run that it worked on."""
        runs = (self.lives.get(run_id) for run_id in self.runs_of.get(session_id, ()))
        return any(live is not None and session_id in live.ending for live in runs)

    def note_peak(self, live: Live) -> None:
        """Notes the most streams that ran at once."""
        if live.running > live.run.streams_peak:
            self.save_run(live, evolve(live.run, streams_peak=live.running))

    def leave(self, live: Live, session_id: str) -> None:
        """The session is no stream of a run any more."""
        if session_id in live.streams:
            del live.streams[session_id]
            storage = live.run.request.storage
            self.storage_streams[storage] -= 1
            if storage in self.storage_limits:
                self.waiters.due.update(self.lives)

    def storage_room(self, live: Live) -> int:
        """How many more streams the primary storage of a run may have (R55)."""
        storage = live.run.request.storage
        limit = self.storage_limits.get(storage)
        return 2**31 if limit is None else limit - self.storage_streams[storage]

    def note_given(self, live: Live) -> None:
        """A run got what it waited for, and with it its primary storage: they wait anew."""
        live.waiting_since = self.now
        self.storage_given[live.run.request.storage] = self.now

    def list_unread(self, live: Live, file: UnreadFile) -> None:
        """Lists a file, as far as a report has room for it."""
        size = len(file.path) + len(file.detail.encode()) + 16
        full = live.unread_bytes + size > UNREAD_BYTES
        if full or len(live.unread) >= UNREAD_LISTED:
            return
        self.changes.save_unread(SaveUnread(live.run.run_id, len(live.unread), file))
        live.unread.append(file)
        live.unread_bytes += size

    def back_off(self, live: Live) -> None:
        """Lets a run wait before it asks again, longer each time."""
        live.ask_time = self.now + live.delay * self.jitter()
        live.delay = min(2 * live.delay, LONGEST_DELAY_SECONDS)
        self.waiters.due[live.run.run_id] = live

    def let_all_ask(self) -> None:
        """Lets all runs ask again at once."""
        for live in self.lives.values():
            live.ask_time = self.now
        self.waiters.due.update(self.lives)

    def standing(self, run_id: str) -> Standing | None:
        """How a run stands, if it is not over."""
        live = self.lives.get(run_id)
        if live is None:
            return None
        counts = live.run.counts
        for key, progress in live.progress.items():
            if live.slices[key].kind not in UNCOUNTED:
                counts += progress
        return Standing(
            replace(live.run, counts=counts, message=live.run.message or live.told),
            dict(live.tally),
            live.running,
            tuple(live.unread),
        )
