"""The simulated wire: calls that are answered, lost or made twice, and lines that break."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from sluicegate.simulation.agenda import Action, Agenda

# What the programs keep to: keepalive notices a dead peer, retries wait longer each time.
NOTICE_SECONDS = 7.5
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 5.0


@dataclass
class Weather:
    """How the wire is now: a usual latency, and the shares of messages that meet with a fault."""

    latency_seconds: float = 0.001
    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    late_seconds: float = 10.0


@dataclass
class Link:
    """What lies between two programs. While it is cut nothing comes through."""

    cut_until: float = 0.0


class Wire:
    """Brings messages. Those of one line keep their order; all others may overtake each other."""

    def __init__(self, agenda: Agenda, random: Random, weather: Weather) -> None:
        self.agenda = agenda
        self.random = random
        self.weather = weather

    def latency(self) -> float:
        """How long the next message takes: never the same."""
        return self.weather.latency_seconds * (0.5 + self.random.random())

    def carry(self, link: Link, deliver: Action) -> bool:
        """Brings a message that stands for itself, perhaps twice, perhaps late; False if lost."""
        weather, random = self.weather, self.random
        if link.cut_until > self.agenda.now or random.random() < weather.lost:
            return False
        seconds = self.latency()
        if weather.late and random.random() < weather.late:
            seconds += random.random() * weather.late_seconds
        self.agenda.after(seconds, deliver)
        if weather.doubled and random.random() < weather.doubled:
            self.agenda.after(seconds + random.random() * weather.late_seconds, deliver)
        return True


class Line:
    """A stream both ways: in order and whole, until it breaks. Then what is under way is lost.

    Each end notices the break in its own time. It leads to one `life` of a program: the next one
    knows nothing of it.
    """

    def __init__(self, wire: Wire, link: Link, life: int) -> None:
        self.broken = False
        self.life = life
        self.on_break: list[Action] = []
        self._wire = wire
        self._link = link
        self._arrival = [0.0, 0.0]

    def up(self, deliver: Action) -> None:
        """Brings a message from who dialled."""
        self._bring(0, deliver)

    def down(self, deliver: Action) -> None:
        """Brings a message to who dialled."""
        self._bring(1, deliver)

    def snap(self, at_once: bool = False) -> None:
        """Breaks; each end is told when it notices."""
        if self.broken:
            return
        self.broken = True
        for notice in self.on_break:
            longest = 0.01 if at_once else NOTICE_SECONDS
            self._wire.agenda.after(self._wire.random.random() * longest, notice)

    def _bring(self, way: int, deliver: Action) -> None:
        if self.broken:
            return
        wire = self._wire
        start = wire.agenda.now
        if self._link.cut_until > start + NOTICE_SECONDS:
            self.snap()
            return
        start = max(start, self._link.cut_until)
        weather = wire.weather
        seconds = wire.latency()
        if weather.late and wire.random.random() < weather.late:
            seconds += wire.random.random() * weather.late_seconds / 10
        arrival = max(self._arrival[way], start + seconds)
        self._arrival[way] = arrival
        wire.agenda.at(arrival, lambda: None if self.broken else deliver())


class Broken:
    """The answer of a call whose other side died, or whose message was lost."""


BROKEN = Broken()
Reply = Callable[[object], None]
Ask = Callable[[Reply], bool]


@dataclass
class Call:
    """One call: `ask` takes it in at the other side, and is False when nobody is there.

    `answered` gets the answer, once; `unanswered` is done instead at the deadline. Until then it is
    made again, as the programs do: the other side may well have done what it was asked. It is made
    while `wanted`: whoever died asks no more.
    """

    wire: Wire
    link: Link
    ask: Ask
    answered: Reply
    unanswered: Action
    wanted: Callable[[], bool]
    deadline_seconds: float
    again: bool = True

    def make(self) -> None:
        """Makes it."""
        self._over = False
        self._waits = 0
        self._end = self.wire.agenda.now + self.deadline_seconds
        self.wire.agenda.at(self._end, self._give_up)
        self._try()

    def _try(self) -> None:
        if self._over or not self.wanted():
            return
        if not self.wire.carry(self.link, self._arrive):
            self._fail(self.wire.random.random() * NOTICE_SECONDS)

    def _arrive(self) -> None:
        if not self.ask(self._reply):
            self._fail(self.wire.latency())

    def _reply(self, answer: object) -> None:
        """The answer sets out; that, too, may be lost."""
        if self._over:
            return
        if answer is BROKEN or not self.wire.carry(self.link, lambda: self._take(answer)):
            self._fail(self.wire.random.random() * NOTICE_SECONDS)

    def _take(self, answer: object) -> None:
        if not self._over:
            self._over = True
            self.answered(answer)

    def _fail(self, notice_seconds: float) -> None:
        if self._over:
            return
        if not self.again:
            self.wire.agenda.after(notice_seconds, self._give_up)
            return
        longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0**self._waits)
        self._waits += 1
        self.wire.agenda.after(notice_seconds + self.wire.random.random() * longest, self._try)

    def _give_up(self) -> None:
        if not self._over:
            self._over = True
            self.unanswered()
