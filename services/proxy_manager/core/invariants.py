"""What must hold after every event. The tests call it; it is no part of the decisions."""

from collections import Counter

from proxy_manager.core import strays
from proxy_manager.core.ledger import RESERVED, Stage
from proxy_manager.core.state import Host, State


class Broken(AssertionError):
    """An invariant does not hold."""


def check(state: State) -> None:
    """Raises Broken with what is wrong."""
    for host in state.hosts.values():
        _check_limit(state, host)
        _check_opening(state, host)
    _check_places(state)
    _check_sessions(state)


def _check_limit(state: State, host: Host) -> None:
    """S3: no place is granted above the limit. Only facts and a lowered limit may exceed it."""
    room = host.sessions_max - state.ledger.used(host.name)
    opening = state.openings.get(host.name)
    _hold(opening is not None and opening.room <= max(0, room), "room below the limit", opening)


def _check_opening(state: State, host: Host) -> None:
    """What is noted of a host is what it is: none is chosen, or passed over, by what it was."""
    opening = state.openings.get(host.name)
    assert opening is not None
    _hold(opening.used == state.ledger.used(host.name), "places as noted", host, opening)
    _hold(opening.limit == host.sessions_max, "limit as noted", host, opening)
    if host.closed is not None:
        _hold(opening.closed is host.closed, "closed as noted", host, opening)
    _hold(opening.further <= 1 or not host.health.quarantined, "one probe", host, opening)
    if host.health.quarantined and host.health.probe:
        _hold(opening.further == 0, "one probe at a time", host, opening)
    if host.load.over:
        _hold(opening.further <= 1, "none above a threshold, or one a delay", host, opening)


def _check_places(state: State) -> None:
    """Places add up, and each is of a session that is known."""
    free = sum(opening.room for name in state.hosts if (opening := state.openings.get(name)))
    _hold(state.openings.free == free, "free places add up", state.openings.free, free)
    counted = Counter((place.host_name, place.stage) for place in state.ledger)
    for host_name, stage in counted:
        told = state.ledger.count(host_name, stage)
        _hold(told == counted[host_name, stage], "counts add up", host_name, stage, told)
    for place in state.ledger:
        if strays.session_of(place) != place.session_id:
            _hold(place.stage is Stage.ENDING, "a stray is being ended", place)
            continue
        session = state.sessions.get(place.session_id)
        _hold(session is not None, "a place is of a session", place)
        assert session is not None
        _hold(session.host_name == place.host_name, "a session is where its place is", place)
        if place.stage in RESERVED:
            _hold(not session.initiated, "a reservation ends when it is initiated", place)
        if place.stage is Stage.RUNNING:
            _hold(session.initiated and not session.ended, "what runs has not ended", place)


def _check_sessions(state: State) -> None:
    """A session is known once, on one host; what is acknowledged was seen."""
    for host_name, sessions in state.by_host.items():
        for session in sessions.values():
            _hold(session.host_name == host_name, "a session is on its host", host_name, session)
    on_hosts = [s for sessions in state.by_host.values() for s in sessions.values()]
    _hold(len(on_hosts) == len(state.sessions), "sessions of hosts add up", on_hosts)
    for session in on_hosts:
        _hold(state.sessions.get(session.session_id) is session, "known once", session)
        _hold(session.acknowledged <= session.seen, "acknowledged is seen", session)


def _hold(true: bool, what: str, *shown: object) -> None:
    if not true:
        raise Broken(f"{what}: {shown}")
