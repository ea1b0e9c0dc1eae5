"""Does what the orchestrator asks of others, and brings their answers back as events."""

import logging
from collections.abc import Awaitable, Sequence

from data_manager.assignments import Assignment
from data_manager.core import events
from data_manager.core.effects import (
    AskCapacity,
    CancelSession,
    Drain,
    Feed,
    Initiate,
    LoadSlices,
    Release,
    Reserve,
)
from data_manager.core.model import SliceKind, Task
from data_manager.ports import Database, Proxies
from data_manager.spans import Spans
from sluicegate.rpc.refusals import Reason, Refusal, Unreachable

log = logging.getLogger(__name__)
# All feeds of one step are one action: they travel together.
Asked = (
    AskCapacity
    | Reserve
    | Release
    | Initiate
    | Drain
    | CancelSession
    | LoadSlices
    | tuple[Feed, ...]
)


class Asking:
    """The way from the orchestrator to the proxy manager and the database, and back."""

    def __init__(self, proxies: Proxies, database: Database, spans: Spans) -> None:
        self._proxies = proxies
        self._database = database
        self._spans = spans

    async def ask(self, asked: Asked) -> events.Event | None:
        """Does it; the answer, if one is waited for."""
        match asked:
            case AskCapacity():
                return await self._ask_capacity()
            case Reserve():
                return await self._reserve(asked)
            case Initiate():
                return await self._initiate(asked)
            case LoadSlices(run_id, after, most):
                slices = await self._database.queued(run_id, after, most)
                return events.SlicesLoaded(run_id, slices, most)
            case Drain(session_id):
                told = await self._tell(self._proxies.drain(session_id))
                return None if told else events.DrainUnanswered(session_id)
            case Release(session_ids):
                await self._tell(self._proxies.release(session_ids))
            case CancelSession(session_id):
                await self._tell(self._proxies.cancel(session_id))
            case _:
                return await self._feed(asked)
        return None

    async def _ask_capacity(self) -> events.Event:
        try:
            return events.CapacityReported(*await self._proxies.capacity())
        except (Unreachable, Refusal) as error:
            log.warning("no capacity is known: %s", error)
            return events.CapacityUnanswered()

    async def _reserve(self, asked: Reserve) -> events.Event:
        session_ids = tuple(session.session_id for session in asked.sessions)
        run_ids = dict.fromkeys(session.run_id for session in asked.sessions)
        try:
            with self._spans.reserving(run_ids, len(session_ids)):
                hosts = await self._proxies.reserve(session_ids, asked.avoid)
        except (Unreachable, Refusal) as error:
            log.warning("a reservation was not answered: %s", error)
            return events.ReservationUnanswered(session_ids)
        return events.ReservationAnswered(session_ids, frozenset(hosts), hosts)

    async def _initiate(self, asked: Initiate) -> events.Event:
        session = asked.session
        try:
            with self._spans.initiating(asked.tasks[0].run, session):
                assignments = await self._assignments(session.session_id, asked.tasks)
                await self._proxies.initiate(session, assignments)
        except Unreachable as error:
            log.warning("session %s may not be initiated: %s", session.session_id, error)
            return events.InitiationUnanswered(session.session_id)
        except Refusal as refusal:
            if refusal.reason is Reason.RESERVATION_LAPSED:
                return events.ReservationLapsed(session.session_id)
            log.error("session %s is refused: %s", session.session_id, refusal)
            return events.InitiationRefused(session.session_id, str(refusal))
        return events.Initiated(session.session_id)

    async def _feed(self, feeds: Sequence[Feed]) -> events.Event | None:
        foods: dict[str, list[Assignment]] = {}
        for feed in feeds:
            assignments = await self._assignments(feed.session_id, feed.tasks)
            foods.setdefault(feed.session_id, []).extend(assignments)
        try:
            unfed = await self._proxies.feed(foods)
        except (Unreachable, Refusal) as error:
            log.warning("sessions may not be fed: %s", error)
            unfed = frozenset(foods)
        return events.FeedUnanswered(tuple(sorted(unfed))) if unfed else None

    async def _assignments(self, session_id: str, tasks: Sequence[Task]) -> list[Assignment]:
        assignments: list[Assignment] = []
        for task in tasks:
            sealing = task.slice.kind is SliceKind.SEAL
            records = await self._database.records(task.run.run_id) if sealing else ()
            parent = self._spans.parent(session_id, task.run)
            assignments.append(Assignment(task, parent, records))
        return assignments

    async def _tell(self, call: Awaitable[None]) -> bool:
        """Does what need not be answered: it lapses by itself, or is asked again."""
        try:
            await call
        except (Unreachable, Refusal) as error:
            log.warning("the proxy manager was not told: %s", error)
            return False
        return True
