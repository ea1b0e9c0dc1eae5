"""What the core's tests share: the orchestrator in conversation with nobody but the test."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from data_manager.core import events
from data_manager.core.effects import (
    Action,
    CancelSlices,
    Change,
    DropSession,
    Effect,
    LoadSlices,
    QueueAgain,
    Reserve,
    SaveRun,
    SaveSession,
    SaveSlice,
    SaveStorage,
    SaveUnread,
)
from data_manager.core.invariants import check, check_stored
from data_manager.core.kinds import run_of
from data_manager.core.kinds import slice_id as slice_name
from data_manager.core.model import (
    Cut,
    Failure,
    Position,
    Request,
    Run,
    RunKind,
    RunState,
    Session,
    Slice,
    SliceState,
    Span,
    UnreadFile,
)
from data_manager.core.options import Options, QueuePolicy
from data_manager.core.orchestrator import Orchestrator
from data_manager.core.queues import WINDOW_SLICES, Key

NAME = "dm"
SNAPSHOT = b"\7" * 32


class Disk:
    """What was committed; watches over what must never be undone."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.slices: dict[str, Slice] = {}
        self.sessions: dict[str, Session] = {}
        self.unread: dict[tuple[str, int], UnreadFile] = {}
        self.storages: dict[str, int] = {}
        self.sessions_ever: set[str] = set()

    def commit(self, change: Change) -> None:
        match change:
            case SaveRun(run):
                old = self.runs.get(run.run_id)
                assert old is None or not old.state.terminal, "terminal states never change"
                self.runs[run.run_id] = run
            case SaveSlice(slice_):
                self._commit_slice(slice_)
            case SaveSession(session):
                if session.session_id not in self.sessions:
                    assert session.session_id not in self.sessions_ever, "a session id came back"
                self.sessions_ever.add(session.session_id)
                self.sessions[session.session_id] = session
            case DropSession(session_id):
                del self.sessions[session_id]
            case SaveUnread(run_id, number, file):
                self.unread[run_id, number] = file
            case QueueAgain(run_id, numbers, turn):
                for number in numbers:
                    old = self.slices[name := slice_name(run_id, number)]
                    assert old.state is SliceState.DONE, "only what is done can be lost"
                    self.slices[name] = replace(old, state=SliceState.QUEUED, turn=turn)
            case SaveStorage(storage, streams):
                self.storages[storage] = streams
            case CancelSlices(run_id):
                for slice_ in self.of(run_id):
                    if not slice_.state.terminal:
                        cancelled = replace(slice_, state=SliceState.CANCELLED, session_id=None)
                        self.slices[slice_.slice_id] = cancelled

    def of(self, run_id: str) -> list[Slice]:
        return [slice_ for slice_ in self.slices.values() if slice_.run_id == run_id]

    def turns(self, run_id: str) -> list[int]:
        return [s.turn for s in self.of(run_id) if s.state is SliceState.QUEUED]

    def queued(self, load: LoadSlices) -> events.SlicesLoaded:
        """The part of a queue that is asked for."""
        queued = [s for s in self.of(load.run_id) if s.state is SliceState.QUEUED]
        keys = sorted(Key(s.turn, s.number, s.slice_id) for s in queued)
        part = [key for key in keys if load.after is None or key > load.after][: load.most]
        slices = tuple(self.slices[key.slice_id] for key in part)
        return events.SlicesLoaded(load.run_id, slices, load.most)

    def _commit_slice(self, slice_: Slice) -> None:
        old = self.slices.get(slice_.slice_id)
        if old is not None:
            assert not old.state.terminal, "terminal slices never change"
            assert slice_.attempt >= old.attempt, "attempts never decrease"
            if slice_.state is SliceState.RESERVED:
                assert slice_.attempt == old.attempt + 1, "no attempt is used twice"
        self.slices[slice_.slice_id] = slice_

    def found(self) -> events.Restarted:
        """What a restart finds."""
        live = [run_id for run_id, run in self.runs.items() if not run.state.terminal]
        return events.Restarted(
            tuple(self.runs[run_id] for run_id in live),
            tuple(s for run_id in live for s in self.of(run_id) if s.session_id or s.number < 1),
            tuple(self.sessions.values()),
            tuple((key[0], file) for key, file in self.unread.items() if key[0] in live),
            {run_id: Counter(s.state for s in self.of(run_id)) for run_id in live},
            {run_id: max(turns) for run_id in live if (turns := self.turns(run_id))},
            self.storages,
        )


class Conversation:
    """An orchestrator, its disk, and a test that answers. Checks the invariants at every word.

    Parts of queues are loaded at once, unless the test itself is to answer that, too.
    """

    def __init__(
        self,
        policy: QueuePolicy = QueuePolicy.FAIR,
        window: int = WINDOW_SLICES,
        *,
        jitter: Callable[[], float] = lambda: 1.0,
        loading: bool = True,
    ) -> None:
        self.new = partial(Orchestrator, NAME, jitter, policy, window)
        self.loading = loading
        self.now = 100.0
        self.disk = Disk()
        self.orchestrator = self.new()
        self.tell(events.TimePassed())

    def tell(self, event: events.Event) -> list[Effect]:
        """Has an event decided; what is asked of others."""
        effects = self.orchestrator.handle(event, self.now)
        asked: list[Effect] = []
        for effect in effects:
            if isinstance(effect, Action):
                asked.append(effect)
            elif isinstance(effect, Change):
                self.disk.commit(effect)
        check(self.orchestrator.state)
        check_stored(self.orchestrator.state, self.disk.slices)
        assert self.orchestrator.wake_time() <= self.now + 5.0, "whatever waits has a timer"
        if not self.loading:
            return asked
        loads = [effect for effect in asked if isinstance(effect, LoadSlices)]
        asked = [effect for effect in asked if not isinstance(effect, LoadSlices)]
        for load in loads:
            asked += self.tell(self.disk.queued(load))
        return asked

    def restart(self) -> list[Effect]:
        """Kills the orchestrator; another one goes on from the disk."""
        self.orchestrator = self.new()
        return self.tell(self.disk.found())

    def begin(
        self,
        run_id: str,
        kind: RunKind = RunKind.BACKUP,
        *,
        repository: str = "/repo",
        storage: str = "",
        **options: object,
    ) -> list[Effect]:
        source = b"/asset" if kind is RunKind.BACKUP else b""
        request = Request(
            kind, repository, run_id, source, storage=storage, options=Options(**options)
        )
        return self.tell(events.RunBegun(Run(run_id, request)))

    def capacity(self, sessions: int) -> list[Session]:
        """Reports a capacity; the sessions that are reserved then."""
        asked = self.tell(events.CapacityReported(sessions))
        return [session for effect in asked if isinstance(effect, Reserve)
                for session in effect.sessions]  # fmt: skip

    def answer(
        self, sessions: list[Session], granted: list[Session], host_name: str = "h1"
    ) -> list[Effect]:
        names = frozenset(session.session_id for session in granted)
        asked = tuple(session.session_id for session in sessions)
        hosts = dict.fromkeys(names, host_name)
        return self.tell(events.ReservationAnswered(asked, names, hosts))

    def grant(self, sessions: list[Session]) -> list[Effect]:
        return self.answer(sessions, sessions)

    def cut(
        self, run_id: str, count: int, *, end: bool = True, past_ms: int | None = None
    ) -> list[Effect]:
        """The crawl of a run makes cuts, the last of which reaches the end."""
        live = self.orchestrator.state.lives[run_id]
        opening = live.opening
        cuts = []
        for number in range(live.run.bodies + 1, live.run.bodies + count + 1):
            last = end and number == live.run.bodies + count
            start = live.run.cut_through if not cuts else cuts[-1].span.stop
            stop = None if last else Position(b"%06d" % number)
            cuts.append(Cut(Span(start, stop), 10, 1, past_ms))
        return self.tell(
            events.CutsMade(
                opening.session_id, opening.slice_id, opening.attempt, live.run.batches,
                tuple(cuts), SNAPSHOT,
            )
        )  # fmt: skip

    def slice(self, slice_id: str) -> Slice:
        return self.disk.slices[slice_id]

    def done(self, slice_id: str, **fields: object) -> list[Effect]:
        slice_ = self.slice(slice_id)
        fields.setdefault("result_id", slice_id.encode().ljust(32, b"-")[:32])
        return self.tell(
            events.SliceEnded(slice_.session_id or "none", slice_id, slice_.attempt, **fields)
        )

    def failed(self, slice_id: str, failure: Failure, message: str = "it failed") -> list[Effect]:
        return self.done(slice_id, failure=failure, message=message)

    def ended(self, session_id: str, failure: Failure | None = None) -> list[Effect]:
        return self.tell(events.SessionEnded(session_id, failure, "lost" if failure else ""))

    def work(self, session: Session) -> list[Effect]:
        """A session does all it has, and ends."""
        asked = []
        for slice_id in session.slice_ids:
            asked += self.done(slice_id)
        return asked + self.ended(session.session_id)

    def crawled(self, run_ids: str, count: int, **options: int) -> None:
        """Begins backups and lets their crawls run to the end, so that `count` slices of each
        wait and a capacity is asked for."""
        for run_id in run_ids.split():
            self.begin(run_id, **options)
        self.crawl(run_ids, count)

    def crawl(self, run_ids: str, count: int) -> None:
        """Lets the crawls of runs that were begun run to the end."""
        names = run_ids.split()
        crawls = self.capacity(len(names))
        self.grant(crawls)
        for run_id in names:
            self.cut(run_id, count)
        for crawl in crawls:
            self.work(crawl)

    def finish(self, places: int) -> None:
        """Grants and works until nothing is left, with so many places."""
        for _ in range(10_000):
            if not self.orchestrator.state.lives:
                return
            sessions = self.capacity(places)
            self.grant(sessions)
            for session in list(self.disk.sessions.values()):
                self.work(session)
            self.pass_time(5.0)
        raise AssertionError("it does not end")

    def pass_time(self, seconds: float) -> list[Effect]:
        self.now += seconds
        return self.tell(events.TimePassed())

    def queue(self, run_id: str) -> list[int]:
        """The numbers of the slices that wait, in order."""
        live = self.orchestrator.state.lives[run_id]
        return [self.slice(name).number for name in live.queue.ids()]

    def numbers(self, session: Session) -> list[int]:
        return [self.slice(name).number for name in session.slice_ids]

    def state(self, run_id: str) -> RunState:
        return self.disk.runs[run_id].state

    def tally(self, run_id: str) -> Counter[SliceState]:
        return Counter(s.state for s in self.disk.slices.values() if run_of(s.slice_id) == run_id)


@pytest.fixture
def talk() -> Conversation:
    """A conversation that has just begun."""
    return Conversation()


@pytest.fixture
def conversations() -> type[Conversation]:
    """For tests that need many."""
    return Conversation
