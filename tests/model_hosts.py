"""Model hosts for a real coordinator: they obey its orders, and say what becomes of sessions."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from proxy_manager.core import effects as do
from proxy_manager.core import events as ev
from proxy_manager.core.coordinator import Coordinator
from proxy_manager.core.model import Granted, Outcome, Times
from proxy_manager.core.rules import Rules


@dataclass
class Container:
    """A session on a model host."""

    started: bool = False
    dying: bool = False
    gone: bool = False
    said: int = 0
    acknowledged: int = 0


@dataclass
class ModelHost:
    """A host as the agent is one: facts, and a call that may break."""

    name: str
    attachment: int = 0
    attached: bool = False
    orders: deque = field(default_factory=deque)
    containers: dict[str, Container] = field(default_factory=dict)


class ModelHosts:
    """A coordinator and its hosts: what it says is brought to them, what they say to it."""

    def begin(self, names: Iterable[str], times: Times, rules: Rules) -> None:
        self.now = 0.0
        self.core = Coordinator(self.now, times, rules)
        self.hosts = {name: ModelHost(name) for name in names}
        self.awaited: Counter[str] = Counter()
        self.granted: set[str] = set()

    def submit(self, event):
        for effect in self.core.handle(event, self.now):
            match effect:
                case do.TellHost(name, attachment, order):
                    assert self.hosts[name].attachment == attachment
                    self.hosts[name].orders.append(order)
                case do.DropHost(name):
                    self.hosts[name].attached = False
                    self.hosts[name].orders.clear()
                case do.AnswerReservation(session_id, answer):
                    self.awaited[session_id] = 0
                    if isinstance(answer, Granted):
                        self.granted.add(session_id)

    def hear(self, host, event):
        if host.attached:
            self.submit(event)

    def obey(self, host, order):
        match order:
            case do.Create(session_id):
                host.containers.setdefault(session_id, Container())
            case do.Start((_, session_id)):
                if session_id in host.containers:
                    host.containers[session_id].started = True
            case do.Kill(session_id):
                if container := host.containers.get(session_id):
                    container.dying = True
            case do.Acknowledge(session_id, number):
                if container := host.containers.get(session_id):
                    container.acknowledged = max(container.acknowledged, number)
                    self.drop_if_done(host, session_id)

    def end(self, host, session_id, lost=False):
        container = host.containers.get(session_id)
        if container is None or container.gone:
            return
        container.gone = True
        if container.started:
            container.said += 1
            self.relay(host, session_id, container, [container.said], lost)
        self.hear(host, ev.SessionGone(host.name, host.attachment, session_id))
        self.drop_if_done(host, session_id)

    def relay(self, host, session_id, container, numbers, lost=False):
        outcomes = tuple(
            Outcome(
                session_id,
                n,
                n,
                ends_session=container.gone and n == container.said,
                loses_session=lost,
            )
            for n in numbers
        )
        if outcomes:
            self.hear(host, ev.OutcomesRelayed(host.name, host.attachment, outcomes))

    def drop_if_done(self, host, session_id):
        container = host.containers.get(session_id)
        if container and container.gone and container.acknowledged >= container.said:
            del host.containers[session_id]
