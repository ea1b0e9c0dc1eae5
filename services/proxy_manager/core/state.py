"""All that the proxy manager knows, and the few changes that several decisions share."""

from collections import deque
from dataclasses import dataclass, field

from proxy_manager.core.effects import (
    AnswerReservation,
    DeliverOutcomes,
    Effect,
    Feed,
    Order,
    TellHost,
)
from proxy_manager.core.ledger import Ledger
from proxy_manager.core.load import Load
from proxy_manager.core.model import (
    LAST_NUMBER,
    Answer,
    HostCapacity,
    HostSettings,
    Outcome,
    Reason,
    SessionLost,
    Times,
)
from proxy_manager.core.outbox import Outbox
from proxy_manager.core.placement import Opening, Openings
from proxy_manager.core.quarantine import Health
from proxy_manager.core.rules import Rules
from proxy_manager.core.timers import Timers


@dataclass
class Host:
    """A proxy host, attached or not long gone. `attachment` is its current or latest call.

    It says that it takes `offered` sessions; an operator's settings may say otherwise.
    """

    name: str
    attachment: int
    offered: int
    heard: float
    load: Load
    health: Health
    settings: HostSettings
    # What it said last of its load.
    said: object = None
    attached: bool = True
    leaving: bool = False
    lost: bool = False
    pressure: float = 0.0

    @property
    def sessions_max(self) -> int:
        """How many sessions it takes at once."""
        return self.settings.sessions_max or self.offered

    @property
    def closed(self) -> Reason | None:
        """Why it takes no session whatever is free on it."""
        if not self.attached or self.leaving:
            return Reason.HOST_LOST
        return Reason.HOST_DRAINING if self.settings.draining else None

    def opening(self, used: int, now: float) -> Opening:
        """How far it is open, with so many of its places not free."""
        closed, further = self.closed, 0.0
        if closed is None:
            by_health, by_load = self.health.further(now), self.load.further(now)
            further = min(by_health, by_load)
            if not by_health:
                closed = Reason.QUARANTINED
            elif not by_load:
                closed = Reason.OVER_THRESHOLD
        low = self.load.is_low()
        return Opening(self.name, used, self.sessions_max, further, low, closed)


@dataclass
class Session:
    """A session from its reservation until its last outcome is committed.

    What it was told to do is kept, so that a host which lost an order to a broken connection is
    told again. `seen` and `acknowledged` are outcome numbers; `fenced` means that its end was
    made here, and whatever else it says counts no more. `judged` means that nothing more follows
    from it for the health of its host; it runs `since` a time. One that is `adopted` was begun
    through another proxy manager, and is known from its host.
    """

    session_id: str
    data_manager_id: str
    host_name: str
    initiated: bool = False
    work: object = None
    foods: list[tuple[set[str], Feed]] = field(default_factory=list)
    drained: bool = False
    cancelled: bool = False
    seen: int = 0
    acknowledged: int = 0
    ended: bool = False
    fenced: bool = False
    done: bool = False
    since: float = 0.0
    judged: bool = False
    adopted: bool = False


@dataclass
class State:
    """What is known `now`, and the effects of the event that is being taken in.

    `declined` when somebody was told that there is no place, and waits to hear of one. `told` keeps
    what was told of hosts of which nothing has changed since.

    What is asked of sessions that no host has told of yet is kept as long as hosts have to attach
    after this proxy manager began: nobody would ask it again.
    """

    since: float
    now: float
    times: Times
    rules: Rules
    openings: Openings
    hosts: dict[str, Host] = field(default_factory=dict)
    settings: dict[str, HostSettings] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    by_host: dict[str, dict[str, Session]] = field(default_factory=dict)
    timers: Timers = field(default_factory=Timers)
    declined: bool = False
    told: dict[str, HostCapacity] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    outboxes: dict[str, Outbox] = field(default_factory=dict)
    believed: dict[str, set[str]] = field(default_factory=dict)
    named: dict[str, frozenset[str]] = field(default_factory=dict)
    early_drains: set[str] = field(default_factory=set)
    early_cancels: set[str] = field(default_factory=set)
    done: deque[tuple[float, Session]] = field(default_factory=deque)
    effects: list[Effect] = field(default_factory=list)
    changes: int = 0

    @property
    def is_new(self) -> bool:
        """Whether hosts that were attached before this proxy manager began may not be back yet."""
        return self.now < self.since + self.times.lease_seconds

    def tell(self, host_name: str, order: Order) -> None:
        """Sends an order, if the host is attached; if not, attaching will make up for it."""
        host = self.hosts.get(host_name)
        if host is not None and host.attached:
            self.effects.append(TellHost(host_name, host.attachment, order))

    def answer(self, session_id: str, answer: Answer) -> None:
        """Answers whoever reserved the session."""
        self.effects.append(AnswerReservation(session_id, answer))

    def enter(self, session: Session) -> None:
        """Knows a session from now on, and which host it is on."""
        if known := self.sessions.get(session.session_id):
            self.by_host[known.host_name].pop(session.session_id, None)
        self.sessions[session.session_id] = session
        self.by_host.setdefault(session.host_name, {})[session.session_id] = session

    def move(self, session: Session, host_name: str) -> None:
        """A session turns out to be on another host."""
        if session.host_name != host_name:
            self.by_host[session.host_name].pop(session.session_id, None)
            session.host_name = host_name
            self.by_host.setdefault(host_name, {})[session.session_id] = session

    def sessions_on(self, host_name: str) -> list[Session]:
        """The sessions of a host that something is left of."""
        return list(self.by_host.get(host_name, {}).values())

    def refresh(self, host_name: str) -> None:
        """Takes note of how far a host is open after a change, and when to look at it again."""
        self.told.pop(host_name, None)
        host = self.hosts.get(host_name)
        if host is None:
            self.openings.forget(host_name)
            return
        self.openings.note(host.opening(self.ledger.used(host_name), self.now))
        for time in (host.health.until, host.load.waits_until):
            if time is not None and time > self.now:
                self.timers.bring_forward(host_name, time)

    def outbox(self, data_manager_id: str) -> Outbox:
        """What is kept for a data manager."""
        return self.outboxes.setdefault(data_manager_id, Outbox())

    def keep(self, session: Session, outcome: Outcome) -> None:
        """Puts a new outcome where its data manager will get it."""
        session.seen = outcome.number
        self.outbox(session.data_manager_id).put(outcome)
        self.effects.append(DeliverOutcomes(session.data_manager_id))

    def end_as_lost(self, session: Session, message: str) -> None:
        """Makes the end of a session that cannot send its own."""
        session.ended = session.fenced = True
        lost = Outcome(session.session_id, LAST_NUMBER, SessionLost(message), ends_session=True)
        self.keep(session, lost)

    def is_named(self, session: Session) -> bool:
        """Whether its data manager believed it to run when it opened its stream: initiated by an
        earlier proxy manager, whose order never reached its host."""
        return session.session_id in self.named.get(session.data_manager_id, ())

    def forget_if_done(self, session: Session) -> None:
        """Forgets a session of which nothing is left anywhere.

        One that did run is remembered as long as a hold, for whoever initiates it once more.
        """
        if session.done or self.ledger.get(session.session_id) is not None:
            return
        if not session.initiated and not session.ended:
            self._forget(session)
        elif session.ended and session.acknowledged >= session.seen:
            session.done, session.work, session.foods = True, None, []
            self.done.append((self.now + self.times.hold_seconds, session))

    def forget_done(self) -> None:
        """Forgets the sessions that have been done for long enough, and what nobody waits for."""
        if not self.is_new:
            self.early_drains.clear()
            self.early_cancels.clear()
        while self.done and self.done[0][0] <= self.now:
            _, session = self.done.popleft()
            self._forget(session)

    def _forget(self, session: Session) -> None:
        self.sessions.pop(session.session_id, None)
        self.by_host[session.host_name].pop(session.session_id, None)
