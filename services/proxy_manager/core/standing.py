"""Hosts as an operator sees them, those that are not attached among them."""

from collections.abc import Iterator

from proxy_manager.core.model import (
    HostCapacity,
    HostSession,
    HostSettings,
    HostState,
    KnownHost,
    Reason,
)
from proxy_manager.core.state import Host, State


def of_host(host: Host, capacity: HostCapacity, now: float) -> KnownHost:
    """A host that is attached, or not long gone."""
    limit, silent_seconds = host.settings.sessions_max, max(0.0, now - host.heard)
    return KnownHost(capacity, _state(host), host.offered, limit, silent_seconds, host.said)


def away(state: State) -> Iterator[KnownHost]:
    """The hosts of which nothing is left but what an operator set."""
    for settings in state.settings.values():
        if settings.host_name not in state.hosts and settings != HostSettings(settings.host_name):
            limit = settings.sessions_max
            yield KnownHost(_nothing(settings), HostState.AWAY, 0, limit, 0.0)


def sessions(state: State, host_name: str, now: float) -> tuple[HostSession, ...]:
    """The sessions that have a place on a host, oldest first."""
    found = []
    for place in state.ledger.on_host(host_name):
        session = state.sessions.get(place.session_id)
        whose = session.data_manager_id if session else ""
        seconds = max(0.0, now - place.since)
        found.append(HostSession(place.session_id, whose, place.stage.name, seconds))
    return tuple(found)


def _state(host: Host) -> HostState:
    if host.lost:
        return HostState.LOST
    if host.leaving:
        return HostState.LEAVING
    return HostState.ATTACHED if host.attached else HostState.SILENT


def _nothing(settings: HostSettings) -> HostCapacity:
    return HostCapacity(
        settings.host_name,
        settings.sessions_max,
        running=0,
        held=0,
        ending=0,
        cpu=0.0,
        memory=0.0,
        closed=Reason.HOST_LOST,
        oldest_hold_seconds=0.0,
        draining=settings.draining,
    )
