"""What is known of the runs that are not over. Whatever changes here is also an effect."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from data_manager.core.effects import (
    DropSession,
    Effect,
    SaveRun,
    SaveSession,
    SaveSlice,
    SaveUnread,
    TellWatchers,
)
from data_manager.core.kinds import CLOSING_NUMBER, OPENING_NUMBER, UNCOUNTED, slice_id
from data_manager.core.model import (
    Counts,
    Run,
    Session,
    SessionState,
    Slice,
    SliceState,
    Standing,
    UnreadFile,
)
from data_manager.core.queues import Queue

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 5.0
RECONCILE_SECONDS = 5.0
# A report has room for so many; all are counted.
UNREAD_LISTED = 1_000
UNREAD_BYTES = 400 << 10


class ImpossibleTransition(AssertionError):
    """A bug: the state machine was asked for a step that it does not have."""


@dataclass
class Live:
    """A run that is not over, and what waits or runs of it."""

    run: Run
    waiting_since: float
    slices: dict[str, Slice] = field(default_factory=dict)
    queue: Queue = field(default_factory=Queue)
    tally: Counter[SliceState] = field(default_factory=Counter)
    sessions: dict[str, Session] = field(default_factory=dict)
    progress: dict[str, Counts] = field(default_factory=dict)
    unread: list[UnreadFile] = field(default_factory=list)
    unread_bytes: int = 0
    turns: int = 0
    delay: float = FIRST_DELAY_SECONDS
    ask_time: float = 0.0
    stop_by: float | None = None

    @property
    def opening(self) -> Slice:
        """The slice that it began with."""
        return self.slices[slice_id(self.run.run_id, OPENING_NUMBER)]

    @property
    def closing(self) -> Slice | None:
        """The slice that it ends with, once there is one."""
        return self.slices.get(slice_id(self.run.run_id, CLOSING_NUMBER))

    @property
    def streams(self) -> int:
        """Sessions that run, or are about to."""
        return sum(s.state is not SessionState.RESERVING for s in self.sessions.values())

    @property
    def reserving(self) -> bool:
        """A reservation is asked for and not answered."""
        return any(s.state is SessionState.RESERVING for s in self.sessions.values())

    @property
    def room(self) -> int:
        """How many more sessions its streams allow."""
        return self.run.request.options.streams - len(self.sessions)

    def bodies(self) -> Iterator[Slice]:
        """The slices that the opening cut, in walk order."""
        for number in range(1, self.run.bodies + 1):
            yield self.slices[slice_id(self.run.run_id, number)]


@dataclass
class State:
    """All runs that are not over. `jitter` gives numbers from 0 to 1."""

    name: str
    jitter: Callable[[], float]
    now: float = 0.0
    lives: dict[str, Live] = field(default_factory=dict)
    asking: bool = False
    unanswered: set[str] = field(default_factory=set)
    reconcile_time: float = 0.0
    effects: list[Effect] = field(default_factory=list)

    def live_of_session(self, session_id: str) -> Live | None:
        """The run that a session in flight belongs to."""
        return next((live for live in self.lives.values() if session_id in live.sessions), None)

    def save_run(self, live: Live, run: Run) -> None:
        """The run is now so."""
        live.run = run
        self.effects += (SaveRun(run), TellWatchers(run.run_id))

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
        self.effects += (SaveSlice(slice_), TellWatchers(slice_.run_id))

    def save_session(self, live: Live, session: Session) -> None:
        """The session is now so."""
        live.sessions[session.session_id] = session
        self.effects += (SaveSession(session), TellWatchers(session.run_id))

    def drop_session(self, live: Live, session_id: str, message: str = "") -> None:
        """The session is over."""
        del live.sessions[session_id]
        self.unanswered.discard(session_id)
        self.effects += (DropSession(session_id, message), TellWatchers(live.run.run_id))

    def list_unread(self, live: Live, file: UnreadFile) -> None:
        """Lists a file, as far as a report has room for it."""
        size = len(file.path) + len(file.detail.encode()) + 16
        full = live.unread_bytes + size > UNREAD_BYTES
        if full or len(live.unread) >= UNREAD_LISTED:
            return
        self.effects.append(SaveUnread(live.run.run_id, len(live.unread), file))
        live.unread.append(file)
        live.unread_bytes += size

    def back_off(self, live: Live) -> None:
        """Lets a run wait before it asks again, longer each time."""
        live.ask_time = self.now + live.delay * self.jitter()
        live.delay = min(2 * live.delay, LONGEST_DELAY_SECONDS)

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
            replace(live.run, counts=counts),
            dict(live.tally),
            live.streams,
            tuple(live.unread),
        )
