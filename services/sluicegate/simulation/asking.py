"""What the data manager's core asks of others, over the simulated wire, and their answers.

A new effect of that core is one more case here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, assert_never

from data_manager.core import effects as do
from data_manager.core import events as ev
from data_manager.core.kinds import closes
from data_manager.core.model import Slice, Task
from proxy_manager.core.model import ReservationLapsed
from sluicegate.simulation.wire import Ask, Call
from sluicegate.simulation.work import Food, Work

if TYPE_CHECKING:
    from sluicegate.simulation.data_manager import DataManager

CAPACITY_SECONDS = 5.0
RESERVE_SECONDS = 28.0
TELL_SECONDS = 10.0
LOAD_SECONDS = 0.002
# What a call's answer means, or that nothing follows from it.
Meaning = Callable[[object], "ev.Event | None"]
# All feeds of one step travel together.
Asked = (
    do.AskCapacity
    | do.Reserve
    | do.Release
    | do.Initiate
    | do.Drain
    | do.CancelSession
    | do.LoadSlices
    | tuple[do.Feed, ...]
)


class Asking:
    """The way from a data manager to the proxy manager and to its own store, and back."""

    def __init__(self, asker: DataManager) -> None:
        self._asker = asker
        self._world = asker.world

    def ask(self, asked: Asked) -> None:
        """Does it; what comes of it is an event of the same life, or of none."""
        proxy, name = self._world.proxy, self._asker.name
        match asked:
            case do.AskCapacity():
                unanswered = ev.CapacityUnanswered()
                self._call(proxy.ask_capacity, _reported, unanswered, CAPACITY_SECONDS, again=False)
            case do.Reserve(sessions, avoid):
                names = tuple(session.session_id for session in sessions)
                self._call(
                    lambda reply: proxy.reserve(name, names, avoid, reply),
                    lambda hosts: _reserved(names, hosts),
                    ev.ReservationUnanswered(names),
                    RESERVE_SECONDS,
                )
            case do.Release(session_ids):
                self._call(lambda reply: proxy.release(session_ids, reply), _nothing, None)
            case do.Initiate(session, tasks):
                work = Work(session.session_id, session.fed, tasks, self._records(tasks))
                self._call(
                    lambda reply: proxy.initiate(work, reply),
                    lambda refusal: _initiated(work.session_id, refusal),
                    ev.InitiationUnanswered(work.session_id),
                )
            case do.Drain(session_id):
                silence = ev.DrainUnanswered(session_id)
                self._call(lambda reply: proxy.drain(session_id, reply), _nothing, silence)
            case do.CancelSession(session_id):
                self._call(lambda reply: proxy.cancel(session_id, reply), _nothing, None)
            case do.LoadSlices():
                self._load(asked)
            case tuple():
                self._feed(asked)
            case _:
                assert_never(asked)

    def _feed(self, feeds: tuple[do.Feed, ...]) -> None:
        proxy = self._world.proxy
        foods = tuple(Food(f.session_id, f.tasks, self._records(f.tasks)) for f in feeds)
        session_ids = tuple(dict.fromkeys(feed.session_id for feed in feeds))
        self._call(
            lambda reply: proxy.feed(foods, reply), _fed, ev.FeedUnanswered(session_ids)
        )  # fmt: skip

    def _load(self, asked: do.LoadSlices) -> None:
        """Reads a part of a queue: as it is when the read is made, not when it was asked for."""
        asker, life = self._asker, self._asker.program.life

        def read() -> None:
            slices = asker.store.queued(asked.run_id, asked.after, asked.most)
            loaded = ev.SlicesLoaded(asked.run_id, slices, asked.most)
            seconds = self._world.random.random() * LOAD_SECONDS
            later = self._world.agenda.after
            later(seconds, lambda: asker.program.do(life, lambda: asker.take(loaded)))

        self._world.agenda.after(
            self._world.random.random() * LOAD_SECONDS, lambda: asker.program.do(life, read)
        )

    def _records(self, tasks: Iterable[Task]) -> dict[str, tuple[Slice, ...]]:
        closing = [t.run.run_id for t in tasks if closes(t.slice.number)]
        return {run_id: self._asker.store.bodies(run_id) for run_id in closing}

    def _call(
        self,
        ask: Ask,
        meaning: Meaning,
        silence: ev.Event | None,
        deadline_seconds: float = TELL_SECONDS,
        again: bool = True,
    ) -> None:
        asker, program, life = self._asker, self._asker.program, self._asker.program.life

        def take(event: ev.Event | None) -> None:
            if event is not None:
                program.do(life, lambda: asker.take(event))

        Call(
            self._world.wire,
            asker.link,
            ask,
            lambda answer: take(meaning(answer)),
            lambda: take(silence),
            lambda: program.life == life and program.alive,
            deadline_seconds,
            again,
        ).make()


def _nothing(answer: object) -> None:
    return None


def _reported(answer: object) -> ev.Event:
    assert isinstance(answer, tuple)
    places, closed = answer
    return ev.CapacityReported(places, closed)


def _reserved(names: tuple[str, ...], hosts: object) -> ev.Event:
    assert isinstance(hosts, dict)
    return ev.ReservationAnswered(names, frozenset(hosts), hosts)


def _fed(unfed: object) -> ev.Event | None:
    assert isinstance(unfed, tuple)
    return ev.FeedUnanswered(unfed) if unfed else None


def _initiated(session_id: str, refusal: object) -> ev.Event:
    if isinstance(refusal, ReservationLapsed):
        return ev.ReservationLapsed(session_id)
    return ev.Initiated(session_id)
