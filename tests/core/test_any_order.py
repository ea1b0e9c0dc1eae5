"""Any order of grants, refusals, outcomes, losses, duplicates and restarts: the invariants hold
after every event, and every run ends once the faults stop."""

from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from data_manager.core import events
from data_manager.core.effects import AskCapacity, CancelSession, Effect, Initiate, Reserve
from data_manager.core.model import (
    Cut,
    Failure,
    Position,
    RunKind,
    RunState,
    SliceKind,
    SliceState,
    Span,
)

CRAWLS = (SliceKind.CRAWL, SliceKind.RESTORE_CRAWL)
FAULTS = [None, None, Failure.TRANSIENT, Failure.CANCELLED, Failure.INTERNAL, Failure.STORAGE_FULL]
index = st.integers(0, 1_000)


@dataclass
class Worker:
    """A session that really runs: its slices with their attempts, and how far a crawl is."""

    session_id: str
    slices: list[tuple[str, int, SliceKind]]
    through: int = 0
    batches: int = 0
    stopped: bool = False


@dataclass
class World:
    """What the data manager does not see: sessions that run, and all that was ever said."""

    cuts: dict[str, int] = field(default_factory=dict)
    workers: dict[str, Worker] = field(default_factory=dict)
    said: list[events.Event] = field(default_factory=list)

    def start(self, effect: Initiate) -> None:
        """Twice is once."""
        slices = [(s.slice_id, s.attempt, s.kind) for s in effect.slices]
        place = effect.run.cut_through
        through = int(place.path or b"0") if place else 0
        worker = Worker(effect.session.session_id, slices, through)
        self.workers.setdefault(effect.session.session_id, worker)

    def step(self, worker: Worker, failure: Failure | None) -> events.Event:
        """The next thing that a session says."""
        event = self._step(worker, failure)
        self.said.append(event)
        return event

    def _step(self, worker: Worker, failure: Failure | None) -> events.Event:
        if not worker.slices:
            del self.workers[worker.session_id]
            return events.SessionEnded(worker.session_id)
        slice_id, attempt, kind = worker.slices[0]
        total = self.cuts[slice_id.partition(":")[0]]
        if worker.stopped:
            failure = Failure.CANCELLED
        elif kind in CRAWLS and failure is None and worker.through < total:
            return self._cut(worker, slice_id, attempt, total)
        worker.slices.pop(0)
        return events.SliceEnded(worker.session_id, slice_id, attempt, failure, "it failed")

    def _cut(self, worker: Worker, slice_id: str, attempt: int, total: int) -> events.Event:
        start = Position(b"%d" % worker.through if worker.through else b"")
        worker.through += 1
        stop = Position(b"%d" % worker.through) if worker.through < total else None
        worker.batches += 1
        cuts = (Cut(Span(start, stop), 1, 1),)
        return events.CutsMade(
            worker.session_id, slice_id, attempt, worker.batches - 1, cuts, b"s" * 32
        )


class AnyOrder(RuleBasedStateMachine):
    """The data manager in a world where anything may happen next."""

    conversation = None  # set by the test

    def __init__(self) -> None:
        super().__init__()
        self.talk = self.conversation()
        self.world = World()
        self.pending: list[Effect] = []

    def tell(self, event: events.Event) -> None:
        self.pending += self.talk.tell(event)

    @precondition(lambda self: len(self.world.cuts) < 3)
    @rule(
        kind=st.sampled_from(RunKind),
        cuts=st.integers(0, 9),
        streams=st.integers(1, 4),
        most=st.integers(1, 3),
    )
    def begin(self, kind: RunKind, cuts: int, streams: int, most: int) -> None:
        run_id = f"r{len(self.world.cuts)}"
        self.world.cuts[run_id] = cuts
        self.pending += self.talk.begin(run_id, kind, streams=streams, slices_per_session=most)

    @precondition(lambda self: self.pending)
    @rule(which=index, places=st.integers(0, 5), chosen=index, answered=st.booleans())
    def perform(self, which: int, places: int, chosen: int, answered: bool) -> None:
        """Does one thing that was asked; its answer may be lost on the way."""
        effect = self.pending.pop(which % len(self.pending))
        answer = self.answer_to(effect, places, chosen, answered)
        if answer is not None:
            self.world.said.append(answer)
            self.tell(answer)

    def answer_to(
        self, effect: Effect, places: int, chosen: int, answered: bool
    ) -> events.Event | None:
        match effect:
            case AskCapacity() if answered:
                return events.CapacityReported(places)
            case AskCapacity():
                return events.CapacityUnanswered()
            case Reserve(sessions):
                names = tuple(session.session_id for session in sessions)
                granted = frozenset(n for bit, n in enumerate(names) if chosen >> bit & 1)
                if answered:
                    return events.ReservationAnswered(names, granted)
                return events.ReservationUnanswered(names)
            case Initiate(session):
                return self.initiate(effect, session.session_id, chosen, answered)
            case CancelSession(session_id):
                if worker := self.world.workers.get(session_id):
                    worker.stopped = True
        return None

    def initiate(
        self, effect: Initiate, session_id: str, chosen: int, answered: bool
    ) -> events.Event:
        if chosen % 4 == 0 and session_id not in self.world.workers:
            return events.ReservationLapsed(session_id)
        if chosen % 7 != 0:
            self.world.start(effect)
            if answered:
                return events.Initiated(session_id)
        return events.InitiationUnanswered(session_id)

    @precondition(lambda self: self.world.workers)
    @rule(which=index, failure=st.sampled_from(FAULTS))
    def work(self, which: int, failure: Failure | None) -> None:
        workers = list(self.world.workers.values())
        self.tell(self.world.step(workers[which % len(workers)], failure))

    @precondition(lambda self: self.world.workers)
    @rule(which=index, noticed=st.booleans())
    def lose(self, which: int, noticed: bool) -> None:
        """A session dies; or it is only believed to have died, and goes on."""
        session_id = list(self.world.workers)[which % len(self.world.workers)]
        if noticed:
            del self.world.workers[session_id]
        self.tell(events.SessionEnded(session_id, Failure.SESSION_LOST, "lost"))

    @precondition(lambda self: self.world.said)
    @rule(which=index)
    def say_again(self, which: int) -> None:
        self.tell(self.world.said[which % len(self.world.said)])

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 5.0, 31.0]))
    def pass_time(self, seconds: float) -> None:
        self.pending += self.talk.pass_time(seconds)

    @precondition(lambda self: self.world.cuts)
    @rule(which=index)
    def cancel(self, which: int) -> None:
        self.tell(events.CancelAsked(f"r{which % (4 * len(self.world.cuts))}"))

    @rule(forgotten=st.booleans())
    def restart(self, forgotten: bool) -> None:
        """What was asked and not answered is either never done, or done unheard."""
        for effect in self.pending:
            if not forgotten and isinstance(effect, Initiate):
                self.world.start(effect)
        self.pending = self.talk.restart()

    def teardown(self) -> None:
        """The faults stop: everything that is asked is done, and everything lost is noticed."""
        for _ in range(200):
            if not self.talk.orchestrator.state.lives:
                break
            self.heal()
        assert not self.talk.orchestrator.state.lives, "every run ends once the faults stop"
        for run_id, run in self.talk.disk.runs.items():
            tally = self.talk.tally(run_id)
            if run.state is RunState.SUCCEEDED:
                assert set(tally) == {SliceState.DONE}, "a run is whole, or not called so"
            if run.state in (RunState.SUCCEEDED, RunState.PARTIAL):
                bodies = 0 if run.request.kind is RunKind.VERIFY else self.world.cuts[run_id]
                assert run.bodies == bodies
        assert not self.talk.disk.sessions, "no session is left"

    def heal(self) -> None:
        while self.pending:
            effect = self.pending.pop(0)
            answer = self.answer_to(effect, 4, 2**5 - 1, answered=True)
            if answer is not None:
                self.tell(answer)
        for session_id in self.talk.orchestrator.sessions_alive():
            if session_id not in self.world.workers:
                self.tell(events.SessionEnded(session_id, Failure.SESSION_LOST, "unknown"))
        for worker in list(self.world.workers.values()):
            while worker.session_id in self.world.workers:
                self.tell(self.world.step(worker, None))
        self.pending += self.talk.pass_time(5.0)


def test_the_invariants_hold_in_any_order_and_every_run_ends(conversations):
    AnyOrder.conversation = conversations
    run_state_machine_as_test(
        AnyOrder,
        settings=settings(
            max_examples=150,
            stateful_step_count=60,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
