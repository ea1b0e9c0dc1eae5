"""What the data manager does not see: sessions that run, and all that they ever said."""

from dataclasses import dataclass, field

from data_manager.core import events
from data_manager.core.effects import (
    AskCapacity,
    CancelSession,
    Drain,
    Effect,
    Feed,
    Initiate,
    Reserve,
)
from data_manager.core.model import Counts, Cut, Failure, Position, SliceKind, Span, Task

CRAWLS = (SliceKind.CRAWL, SliceKind.RESTORE_CRAWL)


@dataclass
class Work:
    """A slice that a session has, and how far it is if it is a crawl."""

    slice_id: str
    attempt: int
    kind: SliceKind
    through: int
    batches: int = 0


@dataclass
class Worker:
    """A session that really runs."""

    session_id: str
    draining: bool
    slices: list[Work] = field(default_factory=list)
    taken: set[tuple[str, int]] = field(default_factory=set)
    stopped: bool = False
    wire: list[events.Event] = field(default_factory=list)

    def take(self, tasks: tuple[Task, ...]) -> None:
        """What it has had is not taken twice."""
        for task in tasks:
            key = (task.slice.slice_id, task.slice.attempt)
            if key not in self.taken:
                self.taken.add(key)
                place = task.run.cut_through
                through = int(place.path or b"0") if place else 0
                self.slices.append(Work(*key, task.slice.kind, through))

    @property
    def idle(self) -> bool:
        return not self.slices and not self.draining


@dataclass
class World:
    """Sessions and a proxy manager, in which anything may go wrong.

    What a worker says stays on its wire until it is heard. `cuts` are how many each run's crawl
    makes; `said` is all that may be said a second time.
    """

    cuts: dict[str, int] = field(default_factory=dict)
    workers: dict[str, Worker] = field(default_factory=dict)
    over: dict[str, Worker] = field(default_factory=dict)
    said: list[events.Event] = field(default_factory=list)

    def answer_to(
        self, effect: Effect, places: int, chosen: int, *, lost: bool
    ) -> events.Event | None:
        """Does what is asked, or not, if it is lost; what is answered."""
        match effect:
            case AskCapacity():
                if lost:
                    return events.CapacityUnanswered()
                return events.CapacityReported(places)
            case Reserve(sessions):
                names = tuple(session.session_id for session in sessions)
                granted = frozenset(n for bit, n in enumerate(names) if chosen >> bit & 1)
                if lost:
                    return events.ReservationUnanswered(names)
                hosts = {name: f"h{chosen % 2}" for name in granted}
                return events.ReservationAnswered(names, granted, hosts)
            case Initiate():
                return self._initiate(effect, chosen, lost)
            case Feed(session_id, tasks):
                worker = self.workers.get(session_id)
                if worker is not None and (not lost or chosen % 2):
                    worker.take(tasks)
                return events.FeedUnanswered((session_id,)) if lost or worker is None else None
            case Drain(session_id):
                if (worker := self.workers.get(session_id)) and (not lost or chosen % 2):
                    worker.draining = True
                return events.DrainUnanswered(session_id) if lost else None
            case CancelSession(session_id):
                if (worker := self.workers.get(session_id)) and not lost:
                    worker.stopped = worker.draining = True
        return None

    def _initiate(self, effect: Initiate, chosen: int, lost: bool) -> events.Event:
        session_id = effect.session.session_id
        if chosen % 4 == 0 and session_id not in self.workers:
            return events.ReservationLapsed(session_id)
        if not lost or chosen % 2:
            self.start(effect)
        return events.InitiationUnanswered(session_id) if lost else events.Initiated(session_id)

    def start(self, effect: Initiate) -> None:
        """Twice is once."""
        session = effect.session
        if session.session_id not in self.workers and session.session_id not in self.over:
            worker = Worker(session.session_id, draining=not session.fed)
            worker.take(effect.tasks)
            self.workers[session.session_id] = worker

    def work(self, worker: Worker, failure: Failure | None, took_ms: int) -> None:
        """A session does the next thing, and says so."""
        if not worker.slices:
            if worker.draining:
                self.over[worker.session_id] = self.workers.pop(worker.session_id)
                worker.wire.append(events.SessionEnded(worker.session_id))
            return
        work = worker.slices[0]
        total = self.cuts[work.slice_id.partition(":")[0]]
        if worker.stopped:
            failure = Failure.CANCELLED
        elif work.kind in CRAWLS and failure is None and work.through < total:
            worker.wire.append(_cut(worker, work, total))
            return
        worker.slices.pop(0)
        counts = Counts() if failure else Counts(files=1)
        end = events.SliceEnded(
            worker.session_id, work.slice_id, work.attempt, failure, "it failed", counts=counts,
            took_ms=took_ms,
        )  # fmt: skip
        worker.wire.append(end)

    def hear(self, worker: Worker) -> events.Event:
        """The next thing that a session has said."""
        event = worker.wire.pop(0)
        self.said.append(event)
        if not worker.wire:
            self.over.pop(worker.session_id, None)
        return event

    def speakers(self) -> list[Worker]:
        """Those that said something that was not heard."""
        return [w for w in [*self.workers.values(), *self.over.values()] if w.wire]


def _cut(worker: Worker, work: Work, total: int) -> events.CutsMade:
    start = Position(b"%06d" % work.through if work.through else b"")
    work.through += 1
    stop = Position(b"%06d" % work.through) if work.through < total else None
    work.batches += 1
    size = work.through * 7 % 5 << 20
    cuts = (Cut(Span(start, stop), size, 1),)
    return events.CutsMade(
        worker.session_id, work.slice_id, work.attempt, work.batches - 1, cuts, b"s" * 32
    )
