"""The one that decides: an event and the time in, effects out."""

from typing import assert_never

from proxy_manager.core import attachments, deliveries, events, reservations
from proxy_manager.core.effects import Effect, TellOfCapacity
from proxy_manager.core.ledger import RESERVED, Stage
from proxy_manager.core.model import Capacity, HostCapacity, Outcome, Reason, Times
from proxy_manager.core.state import Host, State


class Coordinator:
    """All that a proxy manager knows, in memory; hosts tell it anew when they attach."""

    def __init__(self, now: float, times: Times) -> None:
        self._state = State(since=now, now=now, times=times)

    def handle(self, event: events.Event, now: float) -> list[Effect]:
        """Takes in one event; returns the effects it calls for, in order.

        Raises ReservationLapsed or SessionUnknown, and then nothing has changed.
        """
        state = self._state
        state.effects, state.now = [], now
        free = self._free()
        self._decide(event)
        if self._free() > free or isinstance(event, events.CapacityAnnounced):
            state.effects.append(TellOfCapacity())
        return state.effects

    def capacity(self, now: float) -> Capacity:
        """What could start now."""
        hosts = sorted(self._state.hosts.values(), key=lambda host: host.name)
        told = tuple(self._host_capacity(host, now) for host in hosts)
        revision = self._state.changes + self._state.ledger.changes
        return Capacity(self._free(), told, revision)

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
                attachments.expire(state)
                deliveries.answer_believed(state)
                state.forget_done()
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
            case events.HostLoaded(cpu=cpu, memory=memory):
                host.cpu, host.memory = cpu, memory
                state.changes += 1
            case events.SessionCreated(session_id=session_id):
                reservations.created(state, session_id)
            case events.SessionStartFailed(session_id=session_id, message=message):
                attachments.gone(state, session_id, message)
            case events.OutcomesRelayed(outcomes=outcomes):
                deliveries.relay(state, host, outcomes)
            case events.SessionGone(session_id=session_id):
                attachments.gone(state, session_id, f"it died on {host.name}")
            case events.HostLeft():
                attachments.leave(state, host)
            case events.HostDetached():
                attachments.detach(state, host)
            case _:
                assert_never(event)

    def _free(self) -> int:
        hosts = reservations.candidates(self._state)
        return sum(max(0, host.sessions_max - host.used) for host in hosts)

    def _host_capacity(self, host: Host, now: float) -> HostCapacity:
        places = self._state.ledger.on_host(host.name)
        held = [place for place in places if place.stage in RESERVED]
        closed = host.closed
        if closed is None and len(places) >= host.sessions_max:
            closed = Reason.NO_PLACE
        return HostCapacity(
            host_name=host.name,
            sessions_max=host.sessions_max,
            running=sum(place.stage is Stage.RUNNING for place in places),
            held=len(held),
            ending=sum(place.stage is Stage.ENDING for place in places),
            cpu=host.cpu,
            memory=host.memory,
            closed=closed,
            oldest_hold_seconds=max((now - place.since for place in held), default=0.0),
        )
