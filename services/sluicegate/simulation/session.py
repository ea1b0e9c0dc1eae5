"""A simulated session: works its slices one by one, and keeps what it said until acknowledged."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from data_manager.core import events
from data_manager.core.kinds import OPENING_NUMBER, UNCOUNTED, closes
from data_manager.core.model import Cut, Failure, Slice, Task, UnreadFile
from proxy_manager.core.model import Outcome
from sluicegate.simulation.agenda import Action
from sluicegate.simulation.workload import SNAPSHOT, RunPlan, result_id

if TYPE_CHECKING:
    from sluicegate.simulation.host import Host
    from sluicegate.simulation.repository import Repository
    from sluicegate.simulation.work import Food, Work

EXIT_SECONDS = 0.02
OUTCOME_BYTES = 100


def found_lost(
    repository: Repository, slice_: Slice, records: tuple[Slice, ...]
) -> tuple[int, ...]:
    """What a closing finds to be gone of what it is to join."""
    return repository.lost(records) if closes(slice_.number) else ()


class Session:
    """One container of a host, from the order to make it until its last outcome is committed."""

    def __init__(self, host: Host, session_id: str, data_manager_id: str) -> None:
        self.host = host
        self.session_id = session_id
        self.data_manager_id = data_manager_id
        self.born = self.started = self.gone = False
        self.ordered = self.born_at = host.now
        self.acknowledged = 0
        self.kept: deque[Outcome] = deque()
        self._plan: RunPlan | None = None
        self._tasks: deque[Task] = deque()
        self._taken: set[tuple[str, int]] = set()
        self._at_work: Slice | None = None
        self._since = 0.0
        self._turn = 0
        self._last_number = 0
        self._draining = self._leaving = self._killed = self._stopped = False
        self._records: dict[str, tuple[Slice, ...]] = {}

    def be_born(self, fails: bool) -> None:
        """Its container answers, or cannot be made."""
        if fails or self._killed:
            self.host.failed_to_start(self)
        else:
            self.born = True
            self.born_at = self.host.now
            self.host.say_created(self)

    def start(self, work: Work) -> None:
        """Gets its work. Twice is once."""
        if not self.started and not self.gone:
            self.started = True
            self._draining |= not work.fed
            self._take(work)

    def feed(self, food: Food) -> None:
        """Gets more slices; those it has, or had, it does not take twice."""
        self._take(food)

    def drain(self) -> None:
        """Ends when no slice is left."""
        self._draining = True
        self._go_on()

    def stop(self, grace_seconds: float) -> None:
        """Ends: asked first if it works and has a grace, else killed."""
        if grace_seconds <= 0 or not self.started:
            self.die()
        elif not self.gone:
            self._draining = self._stopped = True
            stopped = [self._at_work] if self._at_work else []
            self._turn += 1
            self._at_work = None
            for slice_ in [*stopped, *(task.slice for task in self._tasks)]:
                self._say_end(slice_, Failure.CANCELLED)
            self._tasks.clear()
            self._go_on()

    def die(self) -> None:
        """Its container is gone, without a word of its own."""
        self._killed = True
        if self.born and not self.gone:
            self._end(Failure.SESSION_LOST)

    def acknowledge(self, through_number: int) -> None:
        """Forgets what is committed."""
        self.acknowledged = max(self.acknowledged, through_number)
        while self.kept and self.kept[0].number <= through_number:
            self.host.world.checks.forgotten(self.host, self.kept.popleft())
        if self.gone:
            self.host.forget_if_done(self)
        else:
            self._go_on()

    @property
    def busy(self) -> bool:
        """Whether it works."""
        return self._at_work is not None

    def _take(self, more: Work | Food) -> None:
        for task in more.tasks:
            key = (task.slice.slice_id, task.slice.attempt)
            if key not in self._taken and not self._stopped:
                self._taken.add(key)
                self._tasks.append(task)
        self._records.update(more.records)
        self._go_on()

    def _go_on(self) -> None:
        if not self.started or self.gone or self._at_work is not None:
            return
        if self._tasks:
            self._begin(self._tasks.popleft())
        elif self._draining and not self.kept and not self._leaving:
            self._leaving = True
            self.host.after(EXIT_SECONDS, self._leave)

    def _begin(self, task: Task) -> None:
        world, slice_ = self.host.world, task.slice
        self._plan = world.plans[slice_.run_id]
        self._at_work, self._since = slice_, self.host.now
        self._turn += 1
        fault = world.faults.of_slice(self, slice_)
        seconds = self._plan.seconds_of(slice_) * self.host.slowness
        if fault is not None:
            share = world.random.random()
            self._later(seconds * share, lambda: self._fail(slice_, fault))
        elif slice_.number == OPENING_NUMBER and self._plan.seconds:
            batches = list(self._plan.batches(task.run.cut_through))
            step = seconds / (len(batches) + 1)
            self._later(step, lambda: self._cut(slice_, iter(batches), 0, step))
        else:
            self._later(seconds, lambda: self._finish(slice_))

    def _later(self, seconds: float, action: Action) -> None:
        turn = self._turn

        def act() -> None:
            if turn == self._turn and not self.gone:
                action()

        self.host.after(seconds, act)

    def _cut(
        self, slice_: Slice, batches: Iterator[tuple[Cut, ...]], number: int, step: float
    ) -> None:
        cuts = next(batches, None)
        if cuts is None:
            self._finish(slice_)
            return
        made = events.CutsMade(
            self.session_id, slice_.slice_id, slice_.attempt, number, cuts, SNAPSHOT
        )
        self._say(made)
        self._later(step, lambda: self._cut(slice_, batches, number + 1, step))

    def _finish(self, slice_: Slice) -> None:
        world = self.host.world
        # What a crawl cannot read is listed by the slices that try to copy it.
        unread = () if slice_.kind in UNCOUNTED else world.faults.unread()
        records = self._records.get(slice_.run_id, ())
        world.checks.did(slice_, records, unread)
        self._at_work = None
        if lost := found_lost(world.repository, slice_, records):
            self._say_end(slice_, Failure.SLICES_LOST, lost=lost)
            self._go_on()
            return
        world.repository.did(world.plans[slice_.run_id], slice_)
        world.drawn(self, slice_, self._since, True)
        self._say_end(slice_, None, unread)
        self._go_on()

    def _fail(self, slice_: Slice, failure: Failure) -> None:
        if failure is Failure.SESSION_LOST:
            self.die()
            return
        self._at_work = None
        self._say_end(slice_, failure)
        self._go_on()

    def _say_end(
        self,
        slice_: Slice,
        failure: Failure | None,
        unread: tuple[UnreadFile, ...] = (),
        lost: tuple[int, ...] = (),
    ) -> None:
        message = f"it failed: {failure}" if failure else ""
        result = b"" if failure else result_id(slice_)
        body = events.SliceEnded(
            self.session_id,
            slice_.slice_id,
            slice_.attempt,
            failure,
            message,
            result,
            unread_files=unread,
            unread_count=len(unread),
            took_ms=0 if failure else max(1, round(1000 * (self.host.now - self._since))),
            lost=lost,
        )
        self._say(body, ends_slice=slice_.slice_id, fails_slice=failure is not None)

    def _say(
        self,
        body: events.Outcome,
        *,
        ends_slice: str = "",
        fails_slice: bool = False,
        ends_session: bool = False,
        loses_session: bool = False,
    ) -> None:
        self._last_number += 1
        outcome = Outcome(
            self.session_id,
            self._last_number,
            body,
            OUTCOME_BYTES,
            ends_slice,
            ends_session,
            fails_slice,
            loses_session,
        )
        self.kept.append(outcome)
        self.host.say_outcomes((outcome,))

    def _leave(self) -> None:
        if not self.gone:
            self._end(None)

    def _end(self, failure: Failure | None) -> None:
        if self._at_work is not None:
            self.host.world.drawn(self, self._at_work, self._since, False)
        self._at_work = None
        self.gone = True
        self.host.world.gone(self)
        if self.started:
            message = "its container is gone" if failure else ""
            end = events.SessionEnded(self.session_id, failure, message)
            self._say(end, ends_session=True, loses_session=failure is not None)
        self.host.say_gone(self)
        self.host.forget_if_done(self)
