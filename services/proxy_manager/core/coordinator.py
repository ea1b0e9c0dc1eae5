"""The one that decides: an event and the time in, effects out."""

from collections.abc import Iterable
from typing import assert_never

from proxy_manager.core import (
    attachments,
    deliveries,
    events,
    operators,
    reservations,
    standing,
)
from proxy_manager.core.effects import Effect, TellOfCapacity
from proxy_manager.core.ledger import RESERVED, Stage
from proxy_manager.core.model import (
    Capacity,
    HostCapacity,
    HostSession,
    HostSettings,
    KnownHost,
    Outcome,
    Reason,
    Times,
)
from proxy_manager.core.placement import Openings
from proxy_manager.core.rules import Rules
from proxy_manager.core.state import Host, State


class Coordinator:
    """All that a proxy manager knows, in memory; hosts tell it anew when they attach."""

    def __init__(
        self,
        now: float,
        times: Times,
        rules: Rules = Rules(),  # noqa: B008  # frozen
        settings: Iterable[HostSettings] = (),
    ) -> None:
        kept = {of.host_name: of for of in settings}
        openings = Openings(rules.policy)
        self._state = State(now, now, times, rules, openings, settings=kept)

    def handle(self, event: events.Event, now: float) -> list[Effect]:
        """Takes in one event; returns the effects it calls for, in order.

        Raises ReservationLapsed, SessionUnknown, HostUnknown or HostPresent, and then nothing has
        changed.
        """
        state = self._state
        state.effects, state.now = [], now
        free = state.openings.free
        self._decide(event)
        self._follow()
        announced = isinstance(event, events.CapacityAnnounced)
        if announced or self._has_grown(free):
            state.effects.append(TellOfCapacity(announced))
        return state.effects

    def capacity(self, now: float) -> Capacity:
        """What could start now. Who is told that nothing could will hear when something can."""
        state = self._state
        told = tuple(self._told(state.hosts[name], now) for name in sorted(state.hosts))
        return Capacity(self.free(), told, state.changes + state.ledger.changes)

    def hosts(self, now: float) -> tuple[KnownHost, ...]:
        """Every host that is known, by name."""
        state = self._state
        there = [
            standing.of_host(host, self._told(host, now), now) for host in state.hosts.values()
        ]
        return tuple(sorted([*there, *standing.away(state)], key=_name))

    def sessions_on(self, host_name: str, now: float) -> tuple[HostSession, ...]:
        """The sessions that have a place on a host, oldest first."""
        return standing.sessions(self._state, host_name, now)

    def free(self) -> int:
        """How many sessions could start now, of all hosts; as for `capacity`."""
        self._state.declined |= not self._state.openings.free
        return self._state.openings.free

    def closed(self) -> dict[Reason, int]:
        """Why hosts take no session now, and how many."""
        return self._state.openings.reasons()

    def take_outcomes(
        self, data_manager_id: str, most: int, most_bytes: int
    ) -> list[tuple[int, Outcome]]:
        """The next outcomes to send to a data manager, with their numbers."""
        return self._state.outbox(data_manager_id).take(most, most_bytes)

    def data_manager_of(self, session_id: str) -> str | None:
        """Whose session it is."""
        session = self._state.sessions.get(session_id)
        return session.data_manager_id if session else None

    def _decide(self, event: events.Event) -> None:
        state = self._state
        match event:
            case events.HostAttached():
                attachments.attach(state, event)
            case events.ReservationAsked():
                reservations.ask(state, event)
            case events.ReservationReleased(session_ids):
                for session_id in session_ids:
                    reservations.release(state, session_id)
            case events.InitiationAsked():
                reservations.initiate(state, event)
            case events.FeedAsked():
                reservations.feed(state, event)
            case events.DrainAsked(session_id):
                reservations.drain(state, session_id)
            case events.CancelAsked(session_id):
                reservations.cancel(state, session_id)
            case events.DataManagerAttached():
                deliveries.attach_data_manager(state, event)
            case events.OutcomesAcknowledged(data_manager_id, through_number):
                deliveries.acknowledge(state, data_manager_id, through_number)
            case events.CapacityAnnounced():
                pass
            case events.TimePassed():
                reservations.lapse(state)
                attachments.look(state)
                deliveries.answer_believed(state)
                state.forget_done()
            case events.HostLimitAsked():
                operators.limit(state, event)
            case events.HostDrainAsked():
                operators.drain(state, event)
            case events.HostResumeAsked():
                operators.resume(state, event)
            case events.HostRemovalAsked():
                attachments.remove(state, event)
            case _:
                self._hear(event)

    def _hear(self, event: events.HostEvent) -> None:
        """Takes in what a host said, if it said it on its current call."""
        state = self._state
        host = state.hosts.get(event.host_name)
        if host is None or host.attachment != event.attachment or not host.attached:
            return
        if not isinstance(event, events.HostDetached):
            host.heard = state.now
        match event:
            case events.HostHeard():
                pass
            case events.HostLoaded(cpu=cpu, memory=memory, pressure=pressure, said=said):
                host.pressure = pressure
                host.load.measure(cpu, memory, state.now)
                host.said = said
                state.changes += 1
                state.refresh(host.name)
            case events.SessionCreated(session_id=session_id):
                reservations.created(state, host, session_id)
            case events.SessionStartFailed(session_id=session_id, message=message):
                attachments.fail(state, host, session_id, message)
            case events.OutcomesRelayed(outcomes=outcomes):
                deliveries.relay(state, host, outcomes)
            case events.SessionGone(session_id=session_id):
                attachments.fail(state, host, session_id, f"it died on {host.name}")
            case events.HostLeft():
                attachments.leave(state, host)
            case events.HostDetached():
                attachments.detach(state, host)
            case _:
                assert_never(event)

    def _follow(self) -> None:
        """Takes note of the hosts whose places changed."""
        state = self._state
        while state.ledger.touched:
            state.refresh(state.ledger.touched.popitem()[0])

    def _has_grown(self, free_before: int) -> bool:
        """Whether those who watch are to hear of it: a host takes more than before, or someone was
        declined and now a place is free again."""
        state, openings = self._state, self._state.openings
        grown, openings.grown = openings.grown, False
        freed = state.declined and openings.free > free_before
        if grown or freed:
            state.declined = False
        return grown or freed

    def _told(self, host: Host, now: float) -> HostCapacity:
        """A host's capacity: made anew only when something of the host has changed, or time itself
        changes it."""
        kept = self._state.told.get(host.name)
        if kept is not None:
            return kept
        told = self._host_capacity(host, now)
        if not told.held and not host.health.quarantined:
            self._state.told[host.name] = told
        return told

    def _host_capacity(self, host: Host, now: float) -> HostCapacity:
        ledger, opening = self._state.ledger, self._state.openings.get(host.name)
        held = ledger.count(host.name, *RESERVED)
        since = [p.since for p in ledger.on_host(host.name) if p.stage in RESERVED] if held else []
        return HostCapacity(
            host_name=host.name,
            sessions_max=host.sessions_max,
            running=ledger.count(host.name, Stage.RUNNING),
            held=held,
            ending=ledger.count(host.name, Stage.ENDING),
            cpu=host.load.cpu.value,
            memory=host.load.memory.value,
            closed=opening.reason if opening else None,
            oldest_hold_seconds=max((now - time for time in since), default=0.0),
            free=opening.room if opening else 0,
            draining=host.settings.draining,
            quarantine_seconds=max(0.0, host.health.until - now) * host.health.quarantined,
            pressure=host.pressure,
        )


def _name(host: KnownHost) -> str:
    return host.capacity.host_name
