"""Runs the coordinator: tells it what happens and what time it is, and does what it says."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from itertools import count
from typing import Protocol

from proxy_manager.core import events
from proxy_manager.core.coordinator import Coordinator
from proxy_manager.core.effects import (
    AnswerReservation,
    DeliverOutcomes,
    DropHost,
    Effect,
    ForgetHostSettings,
    KeepHostSettings,
    TellHost,
    TellOfCapacity,
)
from proxy_manager.core.model import (
    Answer,
    Capacity,
    Declined,
    HostedSession,
    HostSession,
    HostSettings,
    HostUnknown,
    KnownHost,
    SessionUnknown,
    Times,
)
from proxy_manager.core.model import Reason as Decline
from proxy_manager.core.rules import Rules
from proxy_manager.streams import (
    BATCH_BYTES,
    BATCH_OUTCOMES,
    HostCall,
    Numbered,
    OutcomeStream,
    Watch,
)
from sluicegate.rpc.refusals import Reason, Refusal
from sluicegate.v1 import outcome_pb2

log = logging.getLogger(__name__)
TICK_SECONDS = 0.25
# Capacity that grows in steps, as when hosts attach one after the other, is told in few messages.
WATCH_SECONDS = 0.05
ENDING = "the proxy manager ends; ask again"
Clock = Callable[[], float]


class SettingsStore(Protocol):
    """What keeps what operators set over restarts."""

    async def keep(self, settings: HostSettings) -> None:
        """Keeps the settings of a host, durably when it returns."""

    async def forget(self, host_name: str) -> None:
        """Forgets the settings of a host, durably when it returns; none are no error."""

    async def kept(self) -> list[HostSettings]:
        """All that is kept."""


async def _keep(store: SettingsStore, effect: KeepHostSettings | ForgetHostSettings) -> None:
    match effect:
        case KeepHostSettings(settings):
            await store.keep(settings)
        case ForgetHostSettings(host_name):
            await store.forget(host_name)


class Driver:
    """The proxy manager without its wire. Nothing here waits between a decision and its effects,
    but operators for what they set to be kept."""

    def __init__(
        self,
        times: Times,
        rules: Rules = Rules(),  # noqa: B008  # frozen
        settings: Sequence[HostSettings] = (),
        store: SettingsStore | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.now = clock
        self._coordinator = Coordinator(clock(), times, rules, settings)
        self._store = store
        self._to_keep: list[KeepHostSettings | ForgetHostSettings] = []
        self._attachments = count(1)
        self._calls: dict[str, HostCall] = {}
        self._streams: dict[str, OutcomeStream] = {}
        self._watches: set[Watch] = set()
        self._waiting: dict[str, list[asyncio.Future[Answer]]] = {}
        self._closed = False

    async def keep_time(self) -> None:
        """Lets what has a deadline reach it; runs until cancelled."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.submit(events.TimePassed())

    def submit(self, event: events.Event) -> None:
        """Has an event decided, and does at once what follows."""
        for effect in self._coordinator.handle(event, self.now()):
            self._perform(effect)

    async def operate(self, event: events.OperatorEvent) -> None:
        """Does what an operator wants; it is kept, if there is where to, when this returns."""
        self.submit(event)
        to_keep, self._to_keep = self._to_keep, []
        if self._store is not None:
            for effect in to_keep:
                await _keep(self._store, effect)

    def capacity(self) -> Capacity:
        """What could start now."""
        return self._coordinator.capacity(self.now())

    def hosts(self) -> tuple[KnownHost, ...]:
        """Every host that is known, by name."""
        return self._coordinator.hosts(self.now())

    def host(self, host_name: str) -> tuple[KnownHost, tuple[HostSession, ...]]:
        """One of them, and the sessions on it; HostUnknown when it is not among them."""
        for host in self.hosts():
            if host.capacity.host_name == host_name:
                return host, self._coordinator.sessions_on(host_name, self.now())
        raise HostUnknown(host_name)

    async def reserve(self, asked: events.ReservationAsked) -> list[Answer]:
        """The answer for each session, when all are known: at the latest at the start deadline."""
        self._check_open()
        answers = [asyncio.get_running_loop().create_future() for _ in asked.session_ids]
        for session_id, answer in zip(asked.session_ids, answers, strict=True):
            self._waiting.setdefault(session_id, []).append(answer)
        self.submit(asked)
        return list(await asyncio.gather(*answers))

    def feed(self, foods: Iterable[events.FeedAsked]) -> list[str]:
        """Feeds many sessions; those that were not fed, as they are gone or take no more."""
        unknown: list[str] = []
        for food in foods:
            try:
                self.submit(food)
            except SessionUnknown:
                unknown.append(food.session_id)
        return unknown

    def attach_host(
        self, host_name: str, sessions_max: int, sessions: Sequence[HostedSession]
    ) -> HostCall:
        """Begins a host's call; an older one of the same name ends."""
        self._check_open()
        if older := self._calls.get(host_name):
            older.superseded = True
            older.orders.close()
        call = HostCall(host_name, next(self._attachments))
        self._calls[host_name] = call
        log.info("%s attached with %d places", host_name, sessions_max)
        self.submit(events.HostAttached(host_name, call.attachment, sessions_max, tuple(sessions)))
        return call

    def detach_host(self, call: HostCall) -> None:
        """Ends a host's call."""
        if self._calls.get(call.host_name) is call:
            del self._calls[call.host_name]
            log.info("%s detached", call.host_name)
        self.submit(events.HostDetached(call.host_name, call.attachment))

    def open_outcomes(self, data_manager_id: str, session_ids: Sequence[str]) -> OutcomeStream:
        """Begins a data manager's stream; an older one of it ends."""
        self._check_open()
        if older := self._streams.get(data_manager_id):
            older.watch.close()

        def take() -> Numbered:
            return self._coordinator.take_outcomes(data_manager_id, BATCH_OUTCOMES, BATCH_BYTES)

        stream = OutcomeStream(data_manager_id, take)
        self._streams[data_manager_id] = stream
        self.submit(events.DataManagerAttached(data_manager_id, tuple(session_ids)))
        return stream

    def acknowledge(self, stream: OutcomeStream, through_number: int) -> None:
        """Takes in how far a data manager has committed what came on this stream."""
        if self._streams.get(stream.data_manager_id) is stream:
            self.submit(events.OutcomesAcknowledged(stream.data_manager_id, through_number))

    def close_outcomes(self, stream: OutcomeStream) -> None:
        """Ends a data manager's stream; what is not acknowledged waits for the next."""
        stream.watch.close()
        if self._streams.get(stream.data_manager_id) is stream:
            del self._streams[stream.data_manager_id]

    def tell_progress(self, progress: outcome_pb2.Progress) -> None:
        """Passes on how far a slice is, if anybody listens."""
        data_manager_id = self._coordinator.data_manager_of(progress.session_id)
        if stream := self._streams.get(data_manager_id or ""):
            stream.tell_progress(progress)

    async def watch(self) -> AsyncGenerator[tuple[Capacity, bool], None]:
        """The capacity now, and again whenever it grew; and whether it was announced."""
        self._check_open()
        watch = Watch()
        watch.wake()
        self._watches.add(watch)
        try:
            while await watch.changed():
                announced, watch.announced = watch.announced, False
                yield self.capacity(), announced
                await asyncio.sleep(WATCH_SECONDS)
        finally:
            self._watches.discard(watch)

    def close(self) -> None:
        """Ends every stream and answers whoever waits, so that the server can stop at once."""
        self._closed = True
        for call in self._calls.values():
            call.orders.close()
        for watch in (*self._watches, *(stream.watch for stream in self._streams.values())):
            watch.close()
        for session_id in list(self._waiting):
            self._answer(session_id, Declined(Decline.NO_HOST, ENDING))

    def _check_open(self) -> None:
        if self._closed:
            raise Refusal(Reason.SHUTTING_DOWN, ENDING)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case TellHost(host_name, attachment, order):
                call = self._calls.get(host_name)
                if call and call.attachment == attachment and not call.orders.put(order):
                    call.orders.close()
            case DropHost(host_name, attachment):
                log.warning("%s is silent: its sessions count as lost", host_name)
                call = self._calls.get(host_name)
                if call and call.attachment == attachment:
                    call.orders.close()
            case AnswerReservation(session_id, answer):
                self._answer(session_id, answer)
            case DeliverOutcomes(data_manager_id):
                if stream := self._streams.get(data_manager_id):
                    stream.watch.wake()
            case TellOfCapacity(announced):
                for watch in self._watches:
                    watch.announced |= announced
                    watch.wake()
            case KeepHostSettings() | ForgetHostSettings():
                self._to_keep.append(effect)

    def _answer(self, session_id: str, answer: Answer) -> None:
        for future in self._waiting.pop(session_id, []):
            if not future.done():
                future.set_result(answer)
