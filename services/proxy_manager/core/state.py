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
from proxy_manager.core.model import (
    LAST_NUMBER,
    Answer,
    Outcome,
    Reason,
    SessionLost,
    Times,
)
from proxy_manager.core.outbox import Outbox


@dataclass
class Host:
    """A proxy host, attached or not long gone. `attachment` is its current or latest call."""

    name: str
    attachment: int
    sessions_max: int
    heard: float
    attached: bool = True
    leaving: bool = False
    lost: bool = False
    cpu: float = 0.0
    memory: float = 0.0

    @property
    def closed(self) -> Reason | None:
        """Why it takes no session whatever is free on it."""
        return None if self.attached and not self.leaving else Reason.HOST_LOST


@dataclass
class Session:
    """A session from its reservation until its last outcome is committed.

    What it was told to do is kept, so that a host which lost an order to a broken connection is
    told again. `seen` and `acknowledged` are outcome numbers; `fenced` means that its end was
    made here, and whatever else it says counts no more.
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


@dataclass
class State:
    """What is known `now`, and the effects of the event that is being taken in."""

    since: float
    now: float
    times: Times
    hosts: dict[str, Host] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    outboxes: dict[str, Outbox] = field(default_factory=dict)
    believed: dict[str, set[str]] = field(default_factory=dict)
    done: deque[tuple[float, Session]] = field(default_factory=deque)
    effects: list[Effect] = field(default_factory=list)
    changes: int = 0

    def tell(self, host_name: str, order: Order) -> None:
        """Sends an order, if the host is attached; if not, attaching will make up for it."""
        host = self.hosts.get(host_name)
        if host is not None and host.attached:
            self.effects.append(TellHost(host_name, host.attachment, order))

    def answer(self, session_id: str, answer: Answer) -> None:
        """Answers whoever reserved the session."""
        self.effects.append(AnswerReservation(session_id, answer))

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

    def forget_if_done(self, session: Session) -> None:
        """Forgets a session of which nothing is left anywhere.

        One that did run is remembered as long as a hold, for whoever initiates it once more.
        """
        if session.done or self.ledger.get(session.session_id) is not None:
            return
        if not session.initiated:
            self.sessions.pop(session.session_id, None)
        elif session.ended and session.acknowledged >= session.seen:
            session.done, session.work, session.foods = True, None, []
            self.done.append((self.now + self.times.hold_seconds, session))

    def forget_done(self) -> None:
        """Forgets the sessions that have been done for long enough."""
        while self.done and self.done[0][0] <= self.now:
            _, session = self.done.popleft()
            self.sessions.pop(session.session_id, None)
