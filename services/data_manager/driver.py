"""Runs the orchestrator: takes in what happens, commits what is decided, then does it.

Nothing is said to anybody before it is committed. A failed commit ends the data manager: the
database has the truth, and the next start goes on from it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from data_manager.core import events
from data_manager.core.effects import (
    Action,
    AskCapacity,
    CancelSession,
    Change,
    DropSession,
    Effect,
    Initiate,
    Release,
    Reserve,
    SaveRun,
    TellWatchers,
)
from data_manager.core.model import Request, Run, Standing
from data_manager.core.orchestrator import Orchestrator
from data_manager.spans import Spans
from data_manager.watches import Watches
from sluicegate.rpc.refusals import Reason, Refusal, Unreachable

log = logging.getLogger(__name__)
# Whoever finds the inbox full waits; the loop itself never puts anything in.
INBOX_EVENTS = 10_000
EVENTS_PER_COMMIT = 1_000
Alive = Callable[[], Sequence[str]]
Take = Callable[[Sequence[events.Outcome]], Awaitable[None]]
Waiting = tuple[events.Event, "asyncio.Future[None] | None"]


class Proxies(Protocol):
    """The proxy manager, as far as this service needs it.

    Each call has a deadline of its own, and raises Unreachable or Refusal.
    """

    async def capacity(self) -> int:
        """Sessions that could start now."""
        ...

    async def reserve(self, session_ids: Sequence[str]) -> frozenset[str]:
        """Those that are granted a place."""
        ...

    async def release(self, session_ids: Sequence[str]) -> None:
        """Gives places back; those of unknown sessions too."""
        ...

    async def initiate(self, work: Initiate, traceparent: str) -> None:
        """Starts a session. Twice is once."""
        ...

    async def cancel(self, session_id: str) -> None:
        """Stops a session; an unknown one too."""
        ...

    async def listen(self, alive: Alive, take: Take) -> None:
        """Hands over all outcomes for ever, each batch acknowledged when `take` has it done."""
        ...


class Ledger(Protocol):
    """The database, as far as this needs it."""

    async def commit(self, changes: Sequence[Change]) -> None:
        """Makes all changes true at once, durably."""
        ...

    async def standing(self, run_id: str) -> Standing | None:
        """How a run stands, as committed."""
        ...


class Driver:
    """The data manager without its wire."""

    def __init__(
        self, orchestrator: Orchestrator, ledger: Ledger, proxies: Proxies, spans: Spans
    ) -> None:
        self.watches = Watches(ledger)
        self.ready = asyncio.Event()
        self.beginning = asyncio.Lock()
        self._orchestrator = orchestrator
        self._ledger = ledger
        self._proxies = proxies
        self._spans = spans
        self._inbox: asyncio.Queue[Waiting] = asyncio.Queue(INBOX_EVENTS)

    async def run(self, found: events.Restarted) -> None:
        """Goes on with what the database has; decides, commits and does, until cancelled."""
        for run in found.runs:
            self._spans.resume_run(run)
        actions = await self._decide([(found, None)])
        self.ready.set()
        async with asyncio.TaskGroup() as tasks:
            # Not before: who listens says which sessions are believed to be alive.
            alive = self._orchestrator.sessions_alive
            tasks.create_task(self._proxies.listen(alive, self._take))
            while True:
                for action in actions:
                    tasks.create_task(self._do(action))
                actions = await self._decide(await self._next())

    async def submit(self, event: events.Event) -> None:
        """Has an event decided; returns when what follows is committed."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._inbox.put((event, done))
        await done

    async def begin(self, run_id: str, request: Request) -> Standing:
        """A new run, or the one of this id if it was asked for in the same words."""
        async with self.beginning:
            if self.watches.closed:
                raise Refusal(Reason.SHUTTING_DOWN, "the data manager ends; ask again")
            standing = await self.watches.standing(run_id)
            if standing is None:
                traceparent = self._spans.begin_run(run_id, request)
                run = Run(run_id, request, time.time_ns(), traceparent)
                await self.submit(events.RunBegun(run))
                standing = await self.watches.standing(run_id)
        assert standing is not None, "what is committed is known"
        if standing.run.request != request:
            message = f"{run_id} is another {standing.run.request.kind}; choose another id"
            raise Refusal(Reason.BACKUP_EXISTS, message, run_id=run_id)
        return standing

    def uses(self, asset_id: str) -> bool:
        """True while a run is over an asset."""
        return self._orchestrator.uses(asset_id)

    async def _next(self) -> list[Waiting]:
        """What happened, at least one thing; or that time has passed."""
        happened: list[Waiting] = []
        left = self._orchestrator.wake_time() - time.monotonic()
        try:
            async with asyncio.timeout(max(left, 0.0)):
                happened.append(await self._inbox.get())
        except TimeoutError:
            happened.append((events.TimePassed(), None))
        while len(happened) < EVENTS_PER_COMMIT and not self._inbox.empty():
            happened.append(self._inbox.get_nowait())
        return happened

    async def _decide(self, happened: list[Waiting]) -> list[Action]:
        effects: list[Effect] = []
        for event, _ in happened:
            effects += self._orchestrator.handle(event, time.monotonic())
        changes: list[Change] = []
        actions: list[Action] = []
        told: set[str] = set()
        for effect in map(_stamped, effects):
            match effect:
                case TellWatchers(run_id):
                    told.add(run_id)
                case AskCapacity() | Reserve() | Release() | Initiate() | CancelSession():
                    actions.append(effect)
                case _:
                    changes.append(effect)
        if changes:
            await self._ledger.commit(changes)
        self._committed(changes, told)
        for _, done in happened:
            if done is not None and not done.done():
                done.set_result(None)
        return actions

    def _committed(self, changes: Iterable[Change], told: Iterable[str]) -> None:
        for run_id in told:
            self.watches.publish(run_id, self._orchestrator.standing(run_id))
        for change in changes:
            match change:
                case SaveRun(run) if run.state.terminal:
                    log.info("%s %s %s", run.request.kind, run.run_id, run.state)
                    self._spans.end_run(run)
                case DropSession(session_id, message):
                    self._spans.end_session(session_id, message)

    async def _do(self, action: Action) -> None:
        if (answer := await self._perform(action)) is not None:
            await self._inbox.put((answer, None))

    async def _perform(self, action: Action) -> events.Event | None:
        match action:
            case AskCapacity():
                return await self._ask_capacity()
            case Reserve():
                return await self._reserve(action)
            case Initiate():
                return await self._initiate(action)
            case Release(session_ids):
                await self._tell(self._proxies.release(session_ids))
            case CancelSession(session_id):
                await self._tell(self._proxies.cancel(session_id))
        return None

    async def _ask_capacity(self) -> events.Event:
        try:
            return events.CapacityReported(await self._proxies.capacity())
        except (Unreachable, Refusal) as error:
            log.warning("no capacity is known: %s", error)
            return events.CapacityUnanswered()

    async def _reserve(self, action: Reserve) -> events.Event:
        session_ids = tuple(session.session_id for session in action.sessions)
        run_ids = dict.fromkeys(session.run_id for session in action.sessions)
        try:
            with self._spans.reserving(run_ids, len(session_ids)):
                granted = await self._proxies.reserve(session_ids)
        except (Unreachable, Refusal) as error:
            log.warning("a reservation was not answered: %s", error)
            return events.ReservationUnanswered(session_ids)
        return events.ReservationAnswered(session_ids, granted)

    async def _initiate(self, action: Initiate) -> events.Event:
        session_id = action.session.session_id
        try:
            with self._spans.initiating(action.run, session_id) as traceparent:
                await self._proxies.initiate(action, traceparent)
        except Unreachable as error:
            log.warning("session %s may not be initiated: %s", session_id, error)
            return events.InitiationUnanswered(session_id)
        except Refusal as refusal:
            if refusal.reason is Reason.RESERVATION_LAPSED:
                return events.ReservationLapsed(session_id)
            log.error("session %s is refused: %s", session_id, refusal)
            return events.InitiationRefused(session_id, str(refusal))
        return events.Initiated(session_id)

    async def _tell(self, call: Awaitable[None]) -> None:
        """Does what need not be answered: it lapses by itself, or is asked again."""
        try:
            await call
        except (Unreachable, Refusal) as error:
            log.warning("the proxy manager was not told: %s", error)

    async def _take(self, outcomes: Sequence[events.Outcome]) -> None:
        """Takes in a batch; returns when all of it is committed."""
        *others, last = outcomes
        for outcome in others:
            await self._inbox.put((outcome, None))
        await self.submit(last)


def _stamped(effect: Effect) -> Effect:
    """When a run ended is for people to read: it is the driver that has a clock for that."""
    match effect:
        case SaveRun(run) if run.state.terminal:
            return SaveRun(replace(run, end_time_ns=time.time_ns()))
        case _:
            return effect
