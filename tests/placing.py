"""A coordinator and its hosts in virtual time, for tests that read like the rules of placement."""

from collections import Counter

from proxy_manager.core import effects as do
from proxy_manager.core import events as ev
from proxy_manager.core.coordinator import Coordinator
from proxy_manager.core.model import Declined, Granted, Outcome, Reason, Times
from proxy_manager.core.rules import Rules

RULES = Rules()
TIMES = Times(lease_seconds=1e9)


class Scene:
    """Hosts that obey at once: what is placed is created, unless a test says otherwise."""

    def __init__(self, rules: Rules = RULES, hosts: dict[str, int] | None = None, **kwargs):
        self.now = 0.0
        self.core = Coordinator(self.now, kwargs.pop("times", TIMES), rules, **kwargs)
        self.effects: list[do.Effect] = []
        self.broken: set[str] = set()
        self.numbers: Counter[str] = Counter()
        self.asked = 0
        for name, limit in (hosts or {}).items():
            self.attach(name, limit)

    def handle(self, event: ev.Event) -> list[do.Effect]:
        self.effects = self.core.handle(event, self.now)
        return self.effects

    def attach(self, name: str, limit: int) -> list[do.Effect]:
        return self.handle(ev.HostAttached(name, 1, limit))

    def load(self, name: str, cpu: float = 0.0, memory: float = 0.0) -> None:
        self.handle(ev.HostLoaded(name, 1, cpu, memory))

    def loads(self, name: str, cpu: float = 0.0, memory: float = 0.0, seconds: float = 60) -> None:
        """The same load, told every 2 s for so long that it is what the smoothed one is, too."""
        for _ in range(int(seconds / 2)):
            self.now += 2
            self.load(name, cpu, memory)

    def ask(self, *session_ids: str, **avoid: set[str]) -> dict[str, str | Reason]:
        """Where each session goes, or why nowhere."""
        avoided = {id_: frozenset(names) for id_, names in avoid.items()}
        placed: dict[str, str | Reason] = {}
        for effect in self.handle(ev.ReservationAsked("dm", session_ids, avoided)):
            match effect:
                case do.AnswerReservation(session_id, Granted(host_name)):
                    placed[session_id] = host_name
                case do.AnswerReservation(session_id, Declined(reason)):
                    placed[session_id] = reason
                case do.TellHost(host_name, _, do.Create(session_id)):
                    placed[session_id] = host_name
        for session_id, host_name in placed.items():
            if isinstance(host_name, str):
                self.answer(session_id, host_name)
        return placed

    def answer(self, session_id: str, host_name: str) -> None:
        if host_name in self.broken:
            self.handle(ev.SessionStartFailed(host_name, 1, session_id, "it is broken"))
        else:
            self.handle(ev.SessionCreated(host_name, 1, session_id))

    def place(self, sessions: int) -> list[str | Reason]:
        """Where so many new sessions go."""
        names = [f"s{self.asked + n}" for n in range(sessions)]
        self.asked += sessions
        return list(self.ask(*names).values())

    def start(self, session_id: str) -> None:
        self.handle(ev.InitiationAsked(session_id, "work"))

    def say(self, host_name: str, session_id: str, **what) -> None:
        self.numbers[session_id] += 1
        outcome = Outcome(session_id, self.numbers[session_id], "", **what)
        self.handle(ev.OutcomesRelayed(host_name, 1, (outcome,)))

    def end(self, host_name: str, session_id: str, lost: bool = False) -> None:
        """A session ends, and its container is gone."""
        self.say(host_name, session_id, ends_session=True, loses_session=lost)
        self.handle(ev.SessionGone(host_name, 1, session_id))

    def wait(self, seconds: float) -> list[do.Effect]:
        self.now += seconds
        return self.handle(ev.TimePassed())

    def closed(self, name: str) -> Reason | None:
        return self.host(name).closed

    def host(self, name: str):
        return next(h for h in self.core.capacity(self.now).hosts if h.host_name == name)

    @property
    def free(self) -> int:
        return self.core.capacity(self.now).sessions

    @property
    def told(self) -> bool:
        """Whether the last event had those who watch told."""
        return any(isinstance(effect, do.TellOfCapacity) for effect in self.effects)
