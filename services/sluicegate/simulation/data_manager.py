"""A data manager of a simulated world: the real orchestrator, its commits and its streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from data_manager.core import effects as do
from data_manager.core import events as ev
from data_manager.core.model import Failure
from data_manager.core.orchestrator import Orchestrator
from proxy_manager.core.model import Outcome, SessionLost
from sluicegate.simulation.agenda import Action
from sluicegate.simulation.asking import Asked, Asking
from sluicegate.simulation.program import Program
from sluicegate.simulation.store import Store
from sluicegate.simulation.wire import Line, Link

if TYPE_CHECKING:
    from data_manager.core.model import Run
    from sluicegate.simulation.world import World

EVENTS_PER_COMMIT = 1_000
RECONNECT_SECONDS = 0.5
Happened = tuple[Sequence[ev.Event], Action | None]


class DataManager:
    """What the data manager's driver is: takes in, decides, commits, and only then does."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.link = Link()
        self.program = Program()
        self.store = Store(world.checks)
        self.orchestrator = self._new_orchestrator()
        self._asking = Asking(self)
        self._inbox: list[Happened] = []
        self._committing: list[do.Change] | None = None
        self._begun: set[str] = set()
        self._outcomes: Line | None = None
        self._capacity: Line | None = None
        self._wakes = 0

    def start(self) -> None:
        """Begins with what its store has."""
        self.program.start()
        self.orchestrator = self._new_orchestrator()
        self._committing = None
        self._begun = set()
        self._inbox = [((self.store.found(),), self._dial_both)]
        self._turn()

    def kill(self) -> None:
        """Ends at once: a commit under way is made or not, and nothing follows from it."""
        if not self.program.alive:
            return
        self.program.kill()
        if self._committing is not None and self.world.random.random() < 0.5:
            self._save(self._committing)
        for line in (self._outcomes, self._capacity):
            if line is not None:
                line.snap(at_once=True)
        self._outcomes = self._capacity = None

    def begin(self, run: Run) -> None:
        """A user asks for a run, perhaps again; the first time counts."""
        self._do(lambda: self._begin(run))

    def take(self, event: ev.Event) -> None:
        """Has an event decided in its turn."""
        self._inbox.append(((event,), None))
        self._turn()

    def submit(self, event: ev.Event) -> None:
        """Somebody outside wants something, if there is anybody to hear it."""
        self._do(lambda: self.take(event))

    @property
    def asked_for(self) -> int:
        """How many places it has asked for and not been answered."""
        return sum(live.reserving for live in self.orchestrator.state.lives.values())

    def connected(self, line: Line) -> None:
        """The stream of outcomes is open."""
        self._do(lambda: self.take(ev.ProxiesConnected()) if line is self._outcomes else None)

    def hear(self, line: Line, batch: Sequence[tuple[int, Outcome]]) -> None:
        """Outcomes arrived; they are acknowledged when all are committed."""
        self._do(lambda: self._hear(line, batch))

    def grew(self, line: Line) -> None:
        """The capacity is told, or told to have grown."""
        self._do(lambda: self.take(ev.CapacityGrew()) if line is self._capacity else None)

    def _new_orchestrator(self) -> Orchestrator:
        scenario, jitter = self.world.scenario, self.world.random.random
        return Orchestrator(self.name, jitter, scenario.policy, scenario.window_slices)

    def _do(self, action: Action) -> bool:
        return self.program.do(self.program.life, action)

    def _begin(self, run: Run) -> None:
        if run.run_id not in self.store.runs and run.run_id not in self._begun:
            self._begun.add(run.run_id)
            self.take(ev.RunBegun(run))

    def _hear(self, line: Line, batch: Sequence[tuple[int, Outcome]]) -> None:
        if line is not self._outcomes:
            return
        through = batch[-1][0]
        outcomes = [outcome for _, outcome in batch]
        happened = tuple(map(_event, outcomes))
        self._inbox.append((happened, lambda: self._acknowledge(line, through, outcomes)))
        self._turn()

    def _acknowledge(self, line: Line, through: int, outcomes: list[Outcome]) -> None:
        self.world.checks.committed(outcomes)
        if line is self._outcomes:
            line.up(lambda: self.world.proxy.acknowledge(self, line, through))

    def _turn(self) -> None:
        """One turn of the driver's loop after another, until it has to wait."""
        while self._committing is None:
            now = self.world.agenda.now
            if not self._inbox:
                wake_time = self.orchestrator.wake_time()
                if wake_time > now:
                    self._wake_at(wake_time)
                    return
                self._inbox = [((ev.TimePassed(),), None)]
            happened = self._inbox[:EVENTS_PER_COMMIT]
            self._inbox = self._inbox[EVENTS_PER_COMMIT:]
            self._decide(happened, now)

    def _wake_at(self, time: float) -> None:
        self._wakes += 1
        wakes, life = self._wakes, self.program.life

        def wake() -> None:
            if wakes == self._wakes:
                self._turn()

        self.world.agenda.at(time, lambda: self.program.do(life, wake))

    def _decide(self, happened: list[Happened], now: float) -> None:
        world = self.world
        events = [event for batch, _ in happened for event in batch]
        for event in events:
            world.trace.note(now, self.name, type(event).__name__)
            world.trace.tell(now, self.name, event)
            world.checks.heard(event, self.orchestrator.state.sessions)
        changes: list[do.Change] = []
        asked: list[Asked] = []
        feeds: list[do.Feed] = []
        for effect in self.orchestrator.handle_all(events, now):
            world.trace.tell(now, self.name, effect)
            if isinstance(effect, do.Feed):
                feeds.append(effect)
            elif isinstance(effect, do.Change):
                changes.append(effect)
            elif not isinstance(effect, do.TellWatchers):
                asked.append(effect)
        if feeds:
            asked.append(tuple(feeds))
        world.checks.after_data_manager(self.orchestrator.state)
        said = [committed for _, committed in happened if committed is not None]
        if changes:
            self._commit(changes, asked, said)
        else:
            self._go_on(asked, said)

    def _commit(self, changes: list[do.Change], asked: list[Asked], said: list[Action]) -> None:
        """Commits, which takes its time; then does what is asked, and the next turn."""
        self._committing = changes

        def committed() -> None:
            self._committing = None
            self._save(changes)
            self.world.checks.stored(self.orchestrator.state, self.store, changes)
            self._go_on(asked, said)
            self._turn()

        life = self.program.life
        seconds = self.world.scenario.commit_seconds * (0.5 + self.world.random.random())
        self.world.agenda.after(seconds, lambda: self.program.do(life, committed))

    def _save(self, changes: list[do.Change]) -> None:
        self.store.commit(changes)
        for change in changes:
            if isinstance(change, do.SaveRun) and change.run.state.terminal:
                self.world.ended(self, change.run)

    def _go_on(self, asked: list[Asked], said: list[Action]) -> None:
        for action in said:
            action()
        for each in asked:
            self._asking.ask(each)

    def _dial_both(self) -> None:
        self._dial_outcomes()
        self._dial_capacity()

    def _dial_outcomes(self) -> None:
        """Opens the stream of outcomes, and again whenever it breaks."""
        if self._outcomes is None:
            line = self._outcomes = self._dial(self._lose_outcomes)
            alive = tuple(self.orchestrator.sessions_alive())
            line.up(lambda: self.world.proxy.open_outcomes(self, line, alive))

    def _dial_capacity(self) -> None:
        """Watches the capacity, and again whenever that breaks."""
        if self._capacity is None:
            line = self._capacity = self._dial(self._lose_capacity)
            line.up(lambda: self.world.proxy.watch_capacity(self, line))

    def _dial(self, lost: Action) -> Line:
        line = Line(self.world.wire, self.link, self.world.proxy.program.life)
        life = self.program.life

        def hung_up() -> None:
            if line in (self._outcomes, self._capacity):
                lost()

        line.on_break.append(lambda: self.program.do(life, hung_up))
        return line

    def _lose_outcomes(self) -> None:
        self._outcomes = None
        self._later(self._dial_outcomes)

    def _lose_capacity(self) -> None:
        self._capacity = None
        self._later(self._dial_capacity)

    def _later(self, action: Action) -> None:
        life = self.program.life
        self.world.agenda.after(RECONNECT_SECONDS, lambda: self.program.do(life, action))


def _event(outcome: Outcome) -> ev.Event:
    """An outcome as the data manager takes it in."""
    body = outcome.body
    if isinstance(body, SessionLost):
        return ev.SessionEnded(outcome.session_id, Failure.SESSION_LOST, body.message)
    assert isinstance(body, ev.CutsMade | ev.SliceEnded | ev.SessionEnded)
    return body
