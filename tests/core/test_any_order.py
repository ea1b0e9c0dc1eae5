"""Any order of grants, refusals, outcomes, losses, duplicates and restarts, by every method and
policy: the invariants hold after every event, and every run ends once the faults stop."""

import random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core.world import World
from data_manager.core import events
from data_manager.core.effects import CancelSession, Effect, Feed, Initiate, LoadSlices
from data_manager.core.kinds import UNCOUNTED
from data_manager.core.model import Failure, RunKind, RunState, SliceState
from data_manager.core.options import Method, QueuePolicy, SliceOrder

FAULTS = [
    None,
    None,
    Failure.TRANSIENT,
    Failure.CANCELLED,
    Failure.INTERNAL,
    Failure.WRONG_PASSWORD,
    Failure.STORAGE_AWAY,
    Failure.STORAGE_FULL,
]
TIMES_MS = [0, 100, 6_000, 90_000]
STORAGES = ["", "nas", "san"]
# Those that the world of these tests cuts into nothing.
UNCUT = (RunKind.VERIFY, RunKind.MAINTENANCE)
index = st.integers(0, 1_000)
rarely = st.integers(0, 3).map(lambda number: number == 0)
wishes = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([RunKind.BACKUP, *RunKind]),
        "repository": st.sampled_from(["/one", "/one", "/two"]),
        "storage": st.sampled_from(STORAGES),
        "streams": st.integers(1, 4),
        "slices_per_session": st.integers(1, 3),
        "method": st.sampled_from([Method.CONTINUOUS, *Method]),
        "order": st.sampled_from(SliceOrder),
        "weight": st.integers(1, 3),
        "hedge": st.booleans(),
    }
)


class AnyOrder(RuleBasedStateMachine):
    """The data manager in a world where anything may happen next."""

    conversation = None  # set by the test

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.pending: list[Effect] = []
        self.read: list[events.SlicesLoaded] = []

    @initialize(
        policy=st.sampled_from(QueuePolicy),
        window=st.sampled_from([1, 2, 3, 5, 2_000]),
        runs=st.lists(st.tuples(st.integers(0, 20), wishes), min_size=1, max_size=3),
    )
    def talk_begins(self, policy: QueuePolicy, window: int, runs: list) -> None:
        jitter = random.Random(0).random
        self.talk = self.conversation(policy, window, jitter=jitter, loading=False)
        for cuts, wish in runs:
            self.begin(cuts, wish)

    def tell(self, event: events.Event) -> None:
        state = self.talk.orchestrator.state
        before = dict(state.storage_streams)
        self.pending += self.talk.tell(event)
        for storage, limit in state.storage_limits.items():
            most = max(limit, before.get(storage, 0))
            assert state.storage_streams[storage] <= most, "no more streams than a storage takes"

    @precondition(lambda self: len(self.world.cuts) < 5)
    @rule(cuts=st.integers(0, 20), wish=wishes)
    def begin(self, cuts: int, wish: dict[str, object]) -> None:
        run_id = f"r{len(self.world.cuts)}"
        self.world.cuts[run_id] = cuts
        self.pending += self.talk.begin(run_id, **wish)

    @rule(seed=index, steps=st.integers(1, 60), faults=st.sampled_from([0.0, 0.0, 0.05, 0.2]))
    def go_on(self, seed: int, steps: int, faults: float) -> None:
        """For a while all goes well, in some order; or nearly all."""
        chance = random.Random(seed)
        for _ in range(steps):
            faulty = chance.random() < faults
            if self.pending and chance.random() < 0.6:
                self.perform(chance.randrange(100), 3, 2**5 - 1, faulty)
            elif self.read:
                self.load(0)
            elif self.world.workers:
                failure = Failure.TRANSIENT if faulty else None
                took_ms, heard = chance.choice(TIMES_MS), chance.random() < 0.8
                self.work(chance.randrange(100), failure, took_ms, heard)
            if not self.pending and chance.random() < 0.2:
                self.pass_time(chance.choice([0.0, 0.1, 5.0]))

    @precondition(lambda self: self.pending)
    @rule(which=index, places=st.integers(0, 5), chosen=index, lost=rarely)
    def perform(self, which: int, places: int, chosen: int, lost: bool) -> None:
        """Does one thing that was asked; it, or its answer, may be lost on the way."""
        effect = self.pending.pop(which % len(self.pending))
        if isinstance(effect, LoadSlices):
            self.read.append(self.talk.disk.queued(effect))
            return
        answer = self.world.answer_to(effect, places, chosen, lost=lost)
        if answer is not None:
            self.world.said.append(answer)
            self.tell(answer)

    @precondition(lambda self: self.read)
    @rule(which=index)
    def load(self, which: int) -> None:
        """What was read may be of long before."""
        self.tell(self.read.pop(which % len(self.read)))

    @precondition(lambda self: self.world.workers)
    @rule(
        which=index,
        failure=st.sampled_from(FAULTS),
        took_ms=st.sampled_from(TIMES_MS),
        heard=st.booleans(),
    )
    def work(self, which: int, failure: Failure | None, took_ms: int, heard: bool) -> None:
        workers = list(self.world.workers.values())
        worker = workers[which % len(workers)]
        self.world.work(worker, failure, took_ms)
        while heard and worker.wire:
            self.tell(self.world.hear(worker))

    @precondition(lambda self: self.world.speakers())
    @rule(which=index)
    def hear(self, which: int) -> None:
        speakers = self.world.speakers()
        self.tell(self.world.hear(speakers[which % len(speakers)]))

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
        self.talk.now += seconds
        self.tell(events.TimePassed())

    @rule(event=st.sampled_from([events.CapacityGrew(), events.ProxiesConnected()]))
    def proxies_tell(self, event: events.Event) -> None:
        self.tell(event)

    @rule(storage=st.sampled_from(STORAGES), streams=st.integers(0, 3))
    def limit(self, storage: str, streams: int) -> None:
        self.tell(events.StorageLimited(storage, streams))

    @precondition(lambda self: self.world.cuts)
    @rule(which=index)
    def cancel(self, which: int) -> None:
        self.tell(events.CancelAsked(f"r{which % (4 * len(self.world.cuts))}"))

    @rule(forgotten=st.booleans())
    def restart(self, forgotten: bool) -> None:
        """What was asked and not answered is either never done, or done unheard. Then the proxy
        manager is reached anew."""
        for effect in self.pending:
            if not forgotten and isinstance(effect, Initiate | Feed | CancelSession):
                self.world.answer_to(effect, 0, 1, lost=False)
        self.read = []
        self.pending = self.talk.restart()
        self.tell(events.ProxiesConnected())

    def teardown(self) -> None:
        """The faults stop: everything that is asked is done, and everything lost is noticed."""
        if not hasattr(self, "talk"):
            return
        self.heal()
        for _ in range(300):
            if not (self.talk.orchestrator.state.lives or self.talk.disk.sessions):
                break
            self.heal()
        assert not self.talk.orchestrator.state.lives, "every run ends once the faults stop"
        assert not self.talk.disk.sessions, "no session is left"
        assert not self.world.workers, "no container is left"
        for run_id in self.talk.disk.runs:
            self.check_end(run_id)

    def check_end(self, run_id: str) -> None:
        run = self.talk.disk.runs[run_id]
        tally = self.talk.tally(run_id)
        if run.state is RunState.SUCCEEDED:
            assert set(tally) == {SliceState.DONE}, "a run is whole, or not called so"
        if run.state in (RunState.SUCCEEDED, RunState.PARTIAL):
            bodies = 0 if run.request.kind in UNCUT else self.world.cuts[run_id]
            assert run.bodies == bodies
        done = [s for s in self.talk.disk.of(run_id) if s.state is SliceState.DONE]
        counted = sum(slice_.kind not in UNCOUNTED for slice_ in done)
        assert run.counts.files == counted, "what is done counts once"

    def heal(self) -> None:
        while self.pending or self.read:
            while self.read:
                self.tell(self.read.pop())
            effect = self.pending.pop(0) if self.pending else None
            if isinstance(effect, LoadSlices):
                self.read.append(self.talk.disk.queued(effect))
            elif effect is not None:
                answer = self.world.answer_to(effect, 4, 2**5 - 1, lost=False)
                if answer is not None:
                    self.tell(answer)
        alive = self.talk.orchestrator.sessions_alive()
        for session_id in list(self.world.workers):
            if session_id not in alive:
                del self.world.workers[session_id]
        for session_id in alive:
            if session_id not in self.world.workers and session_id not in self.world.over:
                self.tell(events.SessionEnded(session_id, Failure.SESSION_LOST, "unknown"))
        for worker in list(self.world.workers.values()):
            while worker.session_id in self.world.workers and not worker.idle:
                self.world.work(worker, None, 100)
        while speakers := self.world.speakers():
            self.tell(self.world.hear(speakers[0]))
        self.pass_time(5.0)


def test_the_invariants_hold_in_any_order_and_every_run_ends(conversations):
    AnyOrder.conversation = conversations
    run_state_machine_as_test(
        AnyOrder,
        settings=settings(
            max_examples=200,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
