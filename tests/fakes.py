"""Stand-ins that keep the contracts of what they stand in for."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from data_manager.assignments import Assignment
from data_manager.core import events
from data_manager.core.effects import Change
from data_manager.core.model import (
    Counts,
    Cut,
    Failure,
    Position,
    Session,
    Slice,
    SliceKind,
    Span,
    Standing,
    Task,
)
from data_manager.core.queues import Key
from data_manager.ports import Listener
from sluicegate.rpc.refusals import Reason, Refusal, Unreachable

CRAWLS = (SliceKind.CRAWL, SliceKind.RESTORE_CRAWL)
Behaviour = Callable[[Session, Sequence[Task]], list[events.Outcome]]


def finished_at_once(
    session: Session, tasks: Sequence[Task], cuts: int = 3
) -> list[events.Outcome]:
    """What a session says that does all it is given, and cuts crawls into so many slices.

    One that is fed waits for more.
    """
    name = session.session_id
    said: list[events.Outcome] = []
    for task in tasks:
        slice_ = task.slice
        if slice_.kind in CRAWLS and cuts:
            places = [Position(b"%04d" % n if n else b"") for n in range(cuts)]
            spans = map(Span, places, [*places[1:], None])
            made = tuple(Cut(span, 10, 1) for span in spans)
            said.append(events.CutsMade(name, slice_.slice_id, slice_.attempt, 0, made, b"p" * 32))
        said.append(done(session, task))
    return said if session.fed else [*said, events.SessionEnded(name)]


def done(session: Session, task: Task) -> events.SliceEnded:
    """What a session says when a slice is done."""
    name, attempt = task.slice.slice_id, task.slice.attempt
    counts = Counts(files=1)
    return events.SliceEnded(
        session.session_id, name, attempt, result_id=b"r" * 32, counts=counts, took_ms=1
    )


def silent(session: Session, tasks: Sequence[Task]) -> list[events.Outcome]:
    """What a session says that works, and says nothing."""
    return []


@dataclass
class Worker:
    """A session that runs: what it was given, and which of that has not ended."""

    session: Session
    tasks: list[Task] = field(default_factory=list)
    open: set[tuple[str, int]] = field(default_factory=set)
    draining: bool = False

    def give(self, assignments: Sequence[Assignment]) -> list[Task]:
        """Takes what it does not have yet."""
        had = {(task.slice.slice_id, task.slice.attempt) for task in self.tasks}
        new = [a.task for a in assignments]
        new = [task for task in new if (task.slice.slice_id, task.slice.attempt) not in had]
        self.tasks += new
        self.open |= {(task.slice.slice_id, task.slice.attempt) for task in new}
        return new


@dataclass
class FakeProxies:
    """A proxy manager in memory, with `places` places for sessions.

    Sessions say at once what `behave` makes of their work. What was said and is not taken in is
    said again when somebody listens anew, as the true one does. `broken` calls are not answered.
    """

    places: int = 4
    behave: Behaviour = finished_at_once
    closed: tuple[str, ...] = ()
    host_name: str = "only"
    held: set[str] = field(default_factory=set)
    running: dict[str, Worker] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    outbox: list[events.Outcome] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    calls: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    believed: list[str] = field(default_factory=list)
    most_at_once: int = 0

    def __post_init__(self) -> None:
        self._told = asyncio.Event()
        self._grown = asyncio.Event()

    async def capacity(self) -> tuple[int, tuple[str, ...]]:
        self._called("capacity")
        return self._free, self.closed

    async def reserve(
        self, session_ids: Sequence[str], avoid: Mapping[str, str]
    ) -> Mapping[str, str]:
        self._called("reserve", *session_ids)
        for session_id in session_ids:
            known = session_id in self.running or session_id in self.over
            welcome = avoid.get(session_id) != self.host_name and self._free > 0
            if not known and session_id not in self.held and welcome:
                self.held.add(session_id)
        return {s: self.host_name for s in session_ids if s in self.held or s in self.running}

    async def release(self, session_ids: Sequence[str]) -> None:
        self._called("release", *session_ids)
        self.held.difference_update(session_ids)

    async def initiate(self, session: Session, assignments: Sequence[Assignment]) -> None:
        session_id = session.session_id
        self._called("initiate", session_id)
        if session_id in self.running or session_id in self.over:
            return
        if session_id not in self.held:
            raise Refusal(Reason.RESERVATION_LAPSED, f"no place is held for {session_id}")
        self.held.remove(session_id)
        worker = self.running[session_id] = Worker(session, draining=not session.fed)
        self.most_at_once = max(self.most_at_once, len(self.running))
        self.say(*self.behave(session, worker.give(assignments)))

    async def feed(self, foods: Mapping[str, Sequence[Assignment]]) -> frozenset[str]:
        self._called("feed", *foods)
        unfed = {name for name in foods if (w := self.running.get(name)) is None or w.draining}
        for session_id in foods.keys() - unfed:
            worker = self.running[session_id]
            self.say(*self.behave(worker.session, worker.give(foods[session_id])))
        return frozenset(unfed)

    async def drain(self, session_id: str) -> None:
        self._called("drain", session_id)
        if worker := self.running.get(session_id):
            worker.draining = True
            self._end_drained({session_id})

    async def cancel(self, session_id: str) -> None:
        self._called("cancel", session_id)
        self.held.discard(session_id)
        if session_id in self.running:
            self.say(events.SessionEnded(session_id))

    async def listen(self, listener: Listener) -> None:
        self.believed = list(listener.alive())
        for session_id in self.believed:
            if session_id not in self.running and session_id not in self.held:
                self.say(events.SessionEnded(session_id, Failure.SESSION_LOST, "unknown"))
        await listener.connected()
        while True:
            while self.outbox:
                batch = self.outbox[:256]
                await listener.take(batch)
                del self.outbox[: len(batch)]
            self._told.clear()
            await self._told.wait()

    async def watch(self, listener: Listener) -> None:
        while True:
            await listener.grew()
            self._grown.clear()
            await self._grown.wait()

    def say(self, *outcomes: events.Outcome) -> None:
        """Has sessions say something."""
        for outcome in outcomes:
            worker = self.running.get(outcome.session_id)
            if isinstance(outcome, events.SessionEnded):
                self.running.pop(outcome.session_id, None)
                self.over.add(outcome.session_id)
            elif isinstance(outcome, events.SliceEnded) and worker is not None:
                worker.open.discard((outcome.slice_id, outcome.attempt))
        self.outbox += outcomes
        self._told.set()
        self._end_drained({outcome.session_id for outcome in outcomes})

    def grow(self, places: int) -> None:
        """Takes so many sessions more, and tells who watches."""
        self.places += places
        self._grown.set()

    def _end_drained(self, session_ids: set[str]) -> None:
        """Ends sessions that are fed, were drained, and have nothing left."""
        for session_id in session_ids & self.running.keys():
            worker = self.running[session_id]
            if worker.session.fed and worker.draining and not worker.open:
                self.say(events.SessionEnded(session_id))

    @property
    def _free(self) -> int:
        return self.places - len(self.held) - len(self.running)

    def _called(self, call: str, *session_ids: str) -> None:
        self.calls.append((call, session_ids))
        if call in self.broken:
            raise Unreachable(f"{call} is not answered")


class FakeDatabase:
    """A database that keeps nothing but what it was told, and can be made to wait or fail."""

    def __init__(self) -> None:
        self.commits: list[list[Change]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.failing: Exception | None = None

    async def commit(self, changes: Sequence[Change]) -> None:
        await self.open.wait()
        if self.failing:
            raise self.failing
        self.commits.append(list(changes))

    async def standing(self, run_id: str) -> Standing | None:
        return None

    async def queued(self, run_id: str, after: Key | None, most: int) -> tuple[Slice, ...]:
        return ()

    async def records(self, run_id: str) -> Sequence[Slice]:
        return ()

    async def past_ms(self, asset_id: str) -> Mapping[Span, int]:
        return {}
