"""Runs the orchestrator: takes in what happens, commits what is decided, then does it.

Nothing is said to anybody before it is committed. A failed commit ends the data manager: the
database has the truth, and the next start goes on from it.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from data_manager.asking import Asked, Asking
from data_manager.core import events
from data_manager.core.effects import Change, DropSession, Effect, Feed, SaveRun, TellWatchers
from data_manager.core.kinds import run_of
from data_manager.core.model import Request, Run, Standing
from data_manager.core.orchestrator import Orchestrator
from data_manager.past import Past
from data_manager.ports import Database, Listener, Proxies
from data_manager.spans import Spans
from data_manager.watches import Watches
from sluicegate.rpc.refusals import Reason, Refusal

log = logging.getLogger(__name__)
# Whoever finds the inbox full waits; the loop itself never puts anything in.
INBOX_BATCHES = 10_000
EVENTS_PER_COMMIT = 1_000
Happened = tuple[Sequence[events.Event], "asyncio.Future[None] | None"]


class Driver:
    """The data manager without its wire."""

    def __init__(
        self, orchestrator: Orchestrator, database: Database, proxies: Proxies, spans: Spans
    ) -> None:
        self.watches = Watches(database)
        self.ready = asyncio.Event()
        self.beginning = asyncio.Lock()
        self.orchestrator = orchestrator
        self._database = database
        self._proxies = proxies
        self._spans = spans
        self._asking = Asking(proxies, database, spans)
        self._past = Past(database)
        self._inbox: asyncio.Queue[Happened] = asyncio.Queue(INBOX_BATCHES)

    async def run(self, found: events.Restarted) -> None:
        """Goes on with what the database has; decides, commits and does, until cancelled."""
        for run in found.runs:
            self._spans.resume_run(run)
        asked = await self._decide([((found,), None)])
        self.ready.set()
        listener = Listener(
            self.orchestrator.sessions_alive, self._connected, self._take, self._grew
        )
        async with asyncio.TaskGroup() as tasks:
            # Not before: who listens says which sessions are believed to be alive.
            tasks.create_task(self._proxies.listen(listener))
            tasks.create_task(self._proxies.watch(listener))
            while True:
                for action in asked:
                    tasks.create_task(self._ask(action))
                asked = await self._decide(await self._next())

    async def submit(self, *happened: events.Event) -> None:
        """Has events decided; returns when what follows is committed."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._inbox.put((happened, done))
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
        return self.orchestrator.uses(asset_id)

    async def _next(self) -> list[Happened]:
        """What happened, at least one thing; or that time has passed."""
        happened: list[Happened] = []
        left = self.orchestrator.wake_time() - time.monotonic()
        try:
            async with asyncio.timeout(max(left, 0.0)):
                happened.append(await self._inbox.get())
        except TimeoutError:
            happened.append(((events.TimePassed(),), None))
        count = len(happened[0][0])
        while count < EVENTS_PER_COMMIT and not self._inbox.empty():
            happened.append(self._inbox.get_nowait())
            count += len(happened[-1][0])
        return happened

    async def _decide(self, happened: list[Happened]) -> list[Asked]:
        flat = [event for batch, _ in happened for event in batch]
        effects = self.orchestrator.handle_all(flat, time.monotonic())
        changes: list[Change] = []
        asked: list[Asked] = []
        feeds: list[Feed] = []
        told: list[str] = []
        for effect in map(_stamped, effects):
            if isinstance(effect, TellWatchers):
                told.append(effect.run_id)
            elif isinstance(effect, Feed):
                feeds.append(effect)
            elif isinstance(effect, Change):
                changes.append(effect)
            else:
                asked.append(effect)
        if feeds:
            asked.append(tuple(feeds))
        if changes:
            await self._database.commit(changes)
        self._committed(changes, told)
        for _, done in happened:
            if done is not None and not done.done():
                done.set_result(None)
        return asked

    def _committed(self, changes: Iterable[Change], told: Iterable[str]) -> None:
        for run_id in told:
            self.watches.publish(run_id, self.orchestrator.standing(run_id))
        for change in changes:
            match change:
                case SaveRun(run) if run.state.terminal:
                    log.info("%s %s %s", run.request.kind, run.run_id, run.state)
                    self._past.forget([run.run_id])
                    self._spans.end_run(run)
                case DropSession(session_id, message):
                    self._spans.end_session(session_id, message)

    async def _ask(self, asked: Asked) -> None:
        if (answer := await self._asking.ask(asked)) is not None:
            await self._inbox.put(((answer,), None))

    async def _connected(self) -> None:
        await self._inbox.put(((events.ProxiesConnected(),), None))

    async def _grew(self) -> None:
        await self._inbox.put(((events.CapacityGrew(),), None))

    async def _take(self, outcomes: Sequence[events.Outcome]) -> None:
        """Takes in a batch; returns when all of it is committed."""
        happened: list[events.Event] = []
        for outcome in outcomes:
            if isinstance(outcome, events.CutsMade):
                request = self.orchestrator.request(run_of(outcome.slice_id))
                outcome = await self._past.add(outcome, request)
            happened.append(outcome)
        await self.submit(*happened)


def _stamped(effect: Effect) -> Effect:
    """When a run ended is for people to read: it is the driver that has a clock for that."""
    match effect:
        case SaveRun(run) if run.state.terminal:
            return SaveRun(replace(run, end_time_ns=time.time_ns()))
        case _:
            return effect
