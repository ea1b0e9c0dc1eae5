"""The proxy manager of a simulated world: the real coordinator, its calls and its streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, assert_never

from proxy_manager.core import effects as do
from proxy_manager.core import events as ev
from proxy_manager.core.coordinator import Coordinator
from proxy_manager.core.model import (
    Answer,
    Granted,
    HostedSession,
    HostPresent,
    HostSettings,
    HostUnknown,
    ReservationLapsed,
    SessionUnknown,
)
from sluicegate.simulation.agenda import Action
from sluicegate.simulation.program import Program
from sluicegate.simulation.wire import BROKEN, Line, Reply

if TYPE_CHECKING:
    from sluicegate.simulation.data_manager import DataManager
    from sluicegate.simulation.host import Host, Said
    from sluicegate.simulation.work import Food, Work
    from sluicegate.simulation.world import World

BATCH_OUTCOMES = 256
BATCH_BYTES = 512 << 10
WATCH_SECONDS = 0.05


@dataclass
class HostCall:
    """A host's call: the line it came on, and its number."""

    host: Host
    line: Line
    attachment: int


@dataclass
class Reservation:
    """A Reserve that waits for the answers of its sessions."""

    reply: Reply
    left: set[str]
    hosts: dict[str, str] = field(default_factory=dict)


class ProxyManager:
    """What the proxy manager's driver is, without its wire."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.program = Program()
        self.coordinator = Coordinator(0.0, world.scenario.times, world.scenario.rules)
        self.settings: dict[str, HostSettings] = {}
        self._attachments = count(1)
        self._calls: dict[str, HostCall] = {}
        self._streams: dict[str, tuple[DataManager, Line]] = {}
        self._watches: dict[str, tuple[DataManager, Line]] = {}
        self._telling = False
        self._waiting: dict[str, list[Reservation]] = {}
        self._lines: list[Line] = []

    def start(self) -> None:
        """Begins with what operators set, and nothing else known."""
        self.program.start()
        scenario, settings = self.world.scenario, self.settings.values()
        now = self.world.agenda.now
        self.coordinator = Coordinator(now, scenario.times, scenario.rules, settings)
        self._tick()

    def kill(self) -> None:
        """Ends at once: its calls break, and nobody is answered."""
        self.program.kill()
        for line in self._lines:
            line.snap(at_once=True)
        self._lines = []
        waiting = {id(r): r for reservations in self._waiting.values() for r in reservations}
        for reservation in waiting.values():
            reservation.reply(BROKEN)
        self._calls, self._streams, self._watches, self._waiting = {}, {}, {}, {}
        self._telling = False

    def ask_capacity(self, reply: Reply) -> bool:
        """Capacity."""
        return self._do(lambda: reply(self._capacity()))

    def reserve(
        self, name: str, session_ids: tuple[str, ...], avoid: Mapping[str, str], reply: Reply
    ) -> bool:
        """Reserve: answered with the hosts of those granted, when all answers are known."""
        avoided = {session_id: frozenset((host,)) for session_id, host in avoid.items()}
        event = ev.ReservationAsked(name, session_ids, avoided)
        return self._do(lambda: self._reserve(event, reply))

    def release(self, session_ids: tuple[str, ...], reply: Reply) -> bool:
        """Release."""
        return self._do(lambda: reply(self.decide(ev.ReservationReleased(session_ids))))

    def initiate(self, work: Work, reply: Reply) -> bool:
        """Initiate."""
        event = ev.InitiationAsked(work.session_id, work)
        return self._do(lambda: reply(self.decide(event)))

    def feed(self, foods: tuple[Food, ...], reply: Reply) -> bool:
        """Feed, many sessions at once: answered with those that do not run."""
        return self._do(lambda: reply(self._feed(foods)))

    def drain(self, session_id: str, reply: Reply) -> bool:
        """Drain."""
        return self._do(lambda: reply(self.decide(ev.DrainAsked(session_id))))

    def cancel(self, session_id: str, reply: Reply) -> bool:
        """Cancel."""
        return self._do(lambda: reply(self.decide(ev.CancelAsked(session_id))))

    def operate(self, event: ev.OperatorEvent | ev.CapacityAnnounced) -> None:
        """What operators want of hosts: SetHostLimit, DrainHost, ResumeHost, AnnounceCapacity."""
        self._do(lambda: self.decide(event))

    def attach(self, host: Host, line: Line, limit: int, facts: tuple[HostedSession, ...]) -> None:
        """Attach: a host's hello arrived."""
        self._accept(line, lambda: self._attach(host, line, limit, facts))

    def hear(self, host: Host, line: Line, said: Said) -> None:
        """A host said something on a call."""
        self._do(lambda: self._hear(host, line, said))

    def open_outcomes(
        self, data_manager: DataManager, line: Line, session_ids: Sequence[str]
    ) -> None:
        """SliceDone: a data manager's hello arrived."""
        self._accept(line, lambda: self._open(data_manager, line, tuple(session_ids)))

    def watch_capacity(self, data_manager: DataManager, line: Line) -> None:
        """WatchCapacity: it is told at once, and whenever it grows."""
        self._accept(line, lambda: self._watch(data_manager, line))

    def acknowledge(self, data_manager: DataManager, line: Line, through_number: int) -> None:
        """A data manager has committed what came on a stream, up to a number."""
        event = ev.OutcomesAcknowledged(data_manager.name, through_number)
        if self._streams.get(data_manager.name) == (data_manager, line):
            self._do(lambda: self.decide(event))

    def decide(self, event: ev.Event) -> object:
        """Has an event decided, and does what follows; what is refused is returned."""
        world = self.world
        now = world.agenda.now
        world.trace.note(now, "pm", type(event).__name__)
        world.trace.tell(now, "pm", event)
        try:
            effects = self.coordinator.handle(event, now)
        except (ReservationLapsed, SessionUnknown, HostUnknown, HostPresent) as refusal:
            world.trace.note(now, "pm", f"refuses {refusal}")
            return refusal
        world.checks.after_proxy(self.coordinator, event, effects)
        for effect in effects:
            self._perform(effect)
        return None

    def _do(self, action: Action) -> bool:
        return self.program.do(self.program.life, action)

    def _accept(self, line: Line, begin: Action) -> None:
        """Begins with a line that was dialled; it breaks when this program dies."""
        self._lines = [line, *(other for other in self._lines if not other.broken)]
        if line.life != self.program.life or not self._do(begin):
            line.snap(at_once=True)

    def _tick(self) -> None:
        life = self.program.life
        self.decide(ev.TimePassed())
        seconds = self.world.scenario.tick_seconds
        self.world.agenda.after(seconds, lambda: self.program.do(life, self._tick))

    def _reserve(self, event: ev.ReservationAsked, reply: Reply) -> None:
        reservation = Reservation(reply, set(event.session_ids))
        for session_id in event.session_ids:
            self._waiting.setdefault(session_id, []).append(reservation)
        self.decide(event)

    def _answer(self, session_id: str, answer: Answer) -> None:
        for reservation in self._waiting.pop(session_id, ()):
            reservation.left.discard(session_id)
            if isinstance(answer, Granted):
                reservation.hosts[session_id] = answer.host_name
            if not reservation.left:
                reservation.reply(reservation.hosts)

    def _attach(self, host: Host, line: Line, limit: int, facts: tuple[HostedSession, ...]) -> None:
        if line.broken:
            return
        if older := self._calls.get(host.name):
            older.line.snap()
        call = HostCall(host, line, next(self._attachments))
        self._calls[host.name] = call
        life = self.program.life
        line.on_break.append(lambda: self.program.do(life, lambda: self._detach(call)))
        self.decide(ev.HostAttached(host.name, call.attachment, limit, facts))

    def _detach(self, call: HostCall) -> None:
        if self._calls.get(call.host.name) is call:
            del self._calls[call.host.name]
        self.decide(ev.HostDetached(call.host.name, call.attachment))

    def _hear(self, host: Host, line: Line, said: Said) -> None:
        call = self._calls.get(host.name)
        if call is not None and call.line is line:
            self.decide(said(call.attachment))

    def _open(self, data_manager: DataManager, line: Line, session_ids: tuple[str, ...]) -> None:
        if line.broken:
            return
        if older := self._streams.get(data_manager.name):
            older[1].snap()
        self._streams[data_manager.name] = (data_manager, line)
        self.decide(ev.DataManagerAttached(data_manager.name, session_ids))
        line.down(lambda: data_manager.connected(line))
        self._deliver(data_manager.name)

    def _watch(self, data_manager: DataManager, line: Line) -> None:
        if not line.broken:
            self._watches[data_manager.name] = (data_manager, line)
            line.down(lambda: data_manager.grew(line))

    def _tell_of_capacity(self) -> None:
        """Tells all who watch, once for what grows at about the same time."""
        if self._telling:
            return
        self._telling, life = True, self.program.life

        def tell() -> None:
            self._telling = False
            for data_manager, line in self._watches.values():
                _tell_grown(data_manager, line)

        self.world.agenda.after(WATCH_SECONDS, lambda: self.program.do(life, tell))

    def _capacity(self) -> tuple[int, tuple[str, ...]]:
        """How many sessions could start, and the reason of each host that takes none."""
        coordinator = self.coordinator
        closed = (str(why) for why, hosts in coordinator.closed().items() for _ in range(hosts))
        return coordinator.free(), tuple(closed)

    def _feed(self, foods: tuple[Food, ...]) -> tuple[str, ...]:
        unfed: list[str] = []
        for food in foods:
            slice_ids = frozenset(task.slice.slice_id for task in food.tasks)
            if self.decide(ev.FeedAsked(food.session_id, food, slice_ids)) is not None:
                unfed.append(food.session_id)
        return tuple(unfed)

    def _deliver(self, name: str) -> None:
        data_manager, line = self._streams[name]
        while batch := self.coordinator.take_outcomes(name, BATCH_OUTCOMES, BATCH_BYTES):
            line.down(lambda batch=batch: data_manager.hear(line, batch))  # type: ignore[misc]

    def _perform(self, effect: do.Effect) -> None:
        match effect:
            case do.TellHost(host_name, attachment, order):
                call = self._calls.get(host_name)
                if call is not None and call.attachment == attachment:
                    host, life = call.host, call.host.program.life
                    call.line.down(lambda: host.program.do(life, lambda: host.obey(order)))
            case do.DropHost(host_name, attachment):
                call = self._calls.get(host_name)
                if call is not None and call.attachment == attachment:
                    call.line.snap()
            case do.AnswerReservation(session_id, answer):
                self._answer(session_id, answer)
            case do.DeliverOutcomes(data_manager_id):
                if data_manager_id in self._streams:
                    self._deliver(data_manager_id)
            case do.TellOfCapacity():
                self._tell_of_capacity()
            case do.KeepHostSettings(settings):
                self.settings[settings.host_name] = settings
            case do.ForgetHostSettings(host_name):
                self.settings.pop(host_name, None)
            case _:
                assert_never(effect)


def _tell_grown(data_manager: DataManager, line: Line) -> None:
    line.down(lambda: data_manager.grew(line))
