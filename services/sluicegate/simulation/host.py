"""A simulated proxy host: dials the proxy manager, makes sessions, says what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, assert_never, cast

from proxy_manager.core import effects as do
from proxy_manager.core import events as ev
from proxy_manager.core.model import HostedSession, Outcome
from sluicegate.simulation.agenda import Action
from sluicegate.simulation.program import Program
from sluicegate.simulation.scenario import HostPlan
from sluicegate.simulation.session import Session
from sluicegate.simulation.wire import Line, Link
from sluicegate.simulation.work import Food, Work
from sluicegate.simulation.workload import lognormal

if TYPE_CHECKING:
    from sluicegate.simulation.world import World

DIAL_SECONDS = 2.0
LEAVE_SECONDS = 5.0
# Its outcomes travel in batches of this many.
BATCH_OUTCOMES = 256
# What a host says, when its call has a number.
Said = Callable[[int], ev.HostEvent]


class Host:
    """A proxy host with its containers. What is killed takes its containers with it."""

    def __init__(self, world: World, plan: HostPlan) -> None:
        self.world = world
        self.plan = plan
        self.name = plan.host_name
        self.limit = self.most = plan.sessions_max
        self.link = Link()
        self.program = Program()
        self.sessions: dict[str, Session] = {}
        self.line: Line | None = None
        self.removed = False
        self.slowness = plan.slowness
        self.strain = 0.0

    @property
    def now(self) -> float:
        """The time."""
        return self.world.agenda.now

    @property
    def containers(self) -> int:
        """How many containers there are."""
        return sum(not session.gone for session in self.sessions.values())

    def start(self) -> None:
        """Begins with nothing, and dials; one that was removed for good does not."""
        if self.removed:
            return
        self.program.start()
        self.sessions = {}
        self.dial()
        self.after(self.world.random.random() * self.world.scenario.load_seconds, self._tell_load)

    def kill(self) -> None:
        """The whole host is gone at once."""
        self.program.kill()
        for session in self.sessions.values():
            session.gone = True
        if self.line is not None:
            self.line.snap()
            self.line = None

    def leave(self) -> None:
        """Says goodbye, ends its sessions, and then itself."""
        self._say(lambda call: ev.HostLeft(self.name, call))
        for session in list(self.sessions.values()):
            session.stop(LEAVE_SECONDS)
        self.after(LEAVE_SECONDS, self._go)

    def _go(self) -> None:
        self.kill()
        if self.world.faults.healed:
            self.start()

    def after(self, seconds: float, action: Action) -> None:
        """Does something later, if it lives then."""
        life = self.program.life
        self.world.agenda.after(seconds, lambda: self.program.do(life, action))

    def dial(self) -> None:
        """Introduces itself, with all it has; dials again when nobody is there."""
        line = Line(self.world.wire, self.link, self.world.proxy.program.life)
        life = self.program.life
        line.on_break.append(lambda: self.program.do(life, lambda: self._hung_up(line)))
        self.line = line
        facts = tuple(
            HostedSession(s.session_id, s.data_manager_id, s.started, s.gone)
            for s in self.sessions.values()
        )
        limit = self.limit
        line.up(lambda: self.world.proxy.attach(self, line, limit, facts))
        for session in list(self.sessions.values()):
            if session.born and not session.started and not session.gone:
                self.say_created(session)
            if session.kept:
                self.say_outcomes(tuple(session.kept))

    def _hung_up(self, line: Line) -> None:
        if self.line is line:
            self.line = None
            self.after(self.world.random.random() * DIAL_SECONDS, self._dial_again)

    def _dial_again(self) -> None:
        if self.line is None:
            self.dial()

    def obey(self, order: do.Order) -> None:
        """Does what the proxy manager says."""
        match order:
            case do.Create(session_id, data_manager_id):
                self._create(session_id, data_manager_id)
            case do.Start(work):
                work = cast(Work, work)
                self._with(work.session_id, lambda session: session.start(work))
            case do.Feed(food):
                food = cast(Food, food)
                self._with(food.session_id, lambda session: session.feed(food))
            case do.Drain(session_id):
                self._with(session_id, Session.drain)
            case do.Kill(session_id, grace_seconds):
                self._with(session_id, lambda session: session.stop(grace_seconds))
                if grace_seconds > 0 and session_id in self.sessions:
                    self.after(grace_seconds, self.sessions[session_id].die)
            case do.Acknowledge(session_id, through_number):
                self._with(session_id, lambda session: session.acknowledge(through_number))
            case _:
                assert_never(order)

    def say_created(self, session: Session) -> None:
        """A container answers."""
        self._say(lambda call: ev.SessionCreated(self.name, call, session.session_id))

    def failed_to_start(self, session: Session) -> None:
        """A container could not be made; nothing is left of it."""
        self.sessions.pop(session.session_id, None)
        name = session.session_id
        self._say(lambda call: ev.SessionStartFailed(self.name, call, name, "it did not start"))

    def say_outcomes(self, outcomes: tuple[Outcome, ...]) -> None:
        """Passes on what sessions said."""
        for first in range(0, len(outcomes), BATCH_OUTCOMES):
            batch = outcomes[first : first + BATCH_OUTCOMES]
            self._say(lambda call, batch=batch: ev.OutcomesRelayed(self.name, call, batch))  # type: ignore[misc]

    def say_gone(self, session: Session) -> None:
        """A container is gone."""
        self._say(lambda call: ev.SessionGone(self.name, call, session.session_id))

    def forget_if_done(self, session: Session) -> None:
        """Forgets a session of which nothing is left."""
        if session.gone and not session.kept:
            self.sessions.pop(session.session_id, None)

    def _create(self, session_id: str, data_manager_id: str) -> None:
        known = self.sessions.get(session_id)
        if known is not None:
            if known.born and not known.gone:
                self.say_created(known)
            return
        self.world.checks.creating(self)
        session = Session(self, session_id, data_manager_id)
        self.sessions[session_id] = session
        plan, random = self.plan, self.world.random
        seconds = lognormal(random, plan.start_seconds, plan.start_sigma)
        fails, longer = self.world.faults.of_start(self)
        self.after(seconds + longer, lambda: session.be_born(fails))

    def _with(self, session_id: str, action: Callable[[Session], None]) -> None:
        if session := self.sessions.get(session_id):
            action(session)

    def _say(self, said: Said) -> None:
        if line := self.line:
            line.up(lambda: self.world.proxy.hear(self, line, said))

    def _tell_load(self) -> None:
        busy = sum(session.busy for session in self.sessions.values())
        cpu = min(1.0, busy * self.plan.load_each + self.strain)
        memory = min(1.0, 0.2 + 0.5 * busy / max(1, self.limit))
        self._say(lambda call: ev.HostLoaded(self.name, call, cpu, memory))
        self.after(self.world.scenario.load_seconds, self._tell_load)
