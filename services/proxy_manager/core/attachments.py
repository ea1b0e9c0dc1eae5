"""Hosts: attached, silent, lost, gone. What a host says it has is fact."""

from proxy_manager.core import judgement, operators, orphans, reservations, strays
from proxy_manager.core.effects import Drain, DropHost, Kill, Start
from proxy_manager.core.events import HostAttached, HostRemovalAsked
from proxy_manager.core.ledger import RESERVED, Place, Stage
from proxy_manager.core.load import Load
from proxy_manager.core.model import (
    Declined,
    HostedSession,
    HostPresent,
    HostSettings,
    Reason,
)
from proxy_manager.core.quarantine import Health
from proxy_manager.core.state import Host, Session, State


def attach(state: State, event: HostAttached) -> None:
    """Takes a host in, and makes what is known of its sessions agree with what it has."""
    name = event.host_name
    state.hosts[name] = _taken_in(state, event)
    state.changes += 1
    facts = {fact.session_id: fact for fact in event.sessions}
    for place in state.ledger.on_host(name):
        fact = facts.get(strays.session_of(place))
        if fact is None:
            gone(state, place.session_id, f"{name} came back without it")
        elif fact.gone:
            state.ledger.free(place.session_id)
    for session in state.sessions_on(name):
        if session.initiated and not session.ended and session.session_id not in facts:
            _lose(state, session, f"{name} came back without it")
    for fact in event.sessions:
        _reconcile(state, name, fact)
    state.refresh(name)
    _watch(state, state.hosts[name])
    if state.hosts[name].settings.draining:
        operators.drain_sessions(state, name)


def _taken_in(state: State, event: HostAttached) -> Host:
    """The host of a call that begins. Its load and health are those it had, if it is known."""
    name, known = event.host_name, state.hosts.get(event.host_name)
    return Host(
        name,
        event.attachment,
        event.sessions_max,
        heard=state.now,
        load=known.load if known else Load(state.rules),
        health=known.health if known else Health(state.rules),
        settings=state.settings.get(name, HostSettings(name)),
    )


def fail(state: State, host: Host, session_id: str, message: str) -> None:
    """A container is gone, or could not be made: that of a session that begins says how healthy
    its host is."""
    if strays.free(state, session_id, host.name):
        return
    place, session = state.ledger.get(session_id), state.sessions.get(session_id)
    if place is not None and session is not None and place.stage in RESERVED:
        judgement.fail(state, session)
    elif session is not None and session.initiated and not session.ended:
        judgement.lose(state, session)
    gone(state, session_id, message)


def gone(state: State, session_id: str, message: str) -> None:
    """A container is confirmed gone: its place is free, and its session over."""
    place = state.ledger.free(session_id)
    if place is not None and place.stage is Stage.CREATING:
        state.answer(session_id, Declined(Reason.START_FAILED, message))
    if session := state.sessions.get(session_id):
        judgement.withdraw(state, session)
        if (session.initiated or state.is_named(session)) and not session.ended:
            state.end_as_lost(session, message)
        state.forget_if_done(session)


def leave(state: State, host: Host) -> None:
    """A host said goodbye: it takes no more."""
    host.leaving = True
    state.changes += 1
    state.refresh(host.name)
    for place in state.ledger.on_host(host.name):
        if place.stage in RESERVED:
            reservations.end(state, place, Declined(Reason.HOST_LOST, f"{host.name} ends"))


def detach(state: State, host: Host) -> None:
    """The call of a host ended; without a goodbye it may be back before its lease is over."""
    host.attached = False
    state.changes += 1
    if host.leaving:
        _forget(state, host, f"{host.name} ended")
    state.refresh(host.name)


def remove(state: State, event: HostRemovalAsked) -> None:
    """Forgets a host that will not be back, on an operator's word that its sessions are gone."""
    name, host = event.host_name, state.hosts.get(event.host_name)
    if host is not None and not host.lost:
        raise HostPresent(name)
    operators.forget(state, name)
    if host is not None:
        _forget(state, host, f"{name} was removed")
        state.changes += 1
        state.refresh(name)


def look(state: State) -> None:
    """Looks at the hosts whose time has come: counts silent ones as lost, forgets those that never
    came back, and opens those whose quarantine or delay is over."""
    for name in state.timers.take(state.now):
        host = state.hosts.get(name)
        if host is None:
            continue
        silent = state.now - host.heard
        if not host.lost and silent >= state.times.lease_seconds:
            _lose_host(state, host)
        elif host.lost and silent >= state.times.forget_seconds:
            _forget(state, host, f"{host.name} never came back")
        state.refresh(name)
        if name in state.hosts:
            _watch(state, host)


def _watch(state: State, host: Host) -> None:
    """Sees to it that the host is looked at when its silence may mean something."""
    patience = state.times.forget_seconds if host.lost else state.times.lease_seconds
    state.timers.bring_forward(host.name, host.heard + patience)


def _reconcile(state: State, host_name: str, fact: HostedSession) -> None:
    session = state.sessions.get(fact.session_id)
    if session is None:
        session = _new_session(state, host_name, fact)
    elif strays.settle(state, session, host_name, fact):
        return
    place = state.ledger.get(fact.session_id)
    # An end made for a session that no host had yet names none.
    state.move(session, host_name)
    if fact.gone:
        state.forget_if_done(session)
    elif session.fenced or (place is not None and place.stage is Stage.ENDING):
        _adopt(state, session, Stage.ENDING)
        # Asked first: one that ends by itself leaves no lock behind in the repository.
        state.tell(host_name, Kill(fact.session_id, state.times.grace_seconds))
    elif place is None:
        _adopt(state, session, Stage.RUNNING if session.initiated else Stage.HELD)
        _obey_early(state, session)
    elif place.stage is Stage.RUNNING:
        _tell_again(state, session, fact)


def _new_session(state: State, host_name: str, fact: HostedSession) -> Session:
    session = Session(fact.session_id, fact.data_manager_id, host_name, initiated=fact.started)
    session.judged, session.adopted = True, fact.started
    state.enter(session)
    orphans.disown(state, session)
    return session


def _obey_early(state: State, session: Session) -> None:
    """Does what was asked of a session before its host told of it."""
    if session.session_id in state.early_drains:
        reservations.drain(state, session.session_id)
    if session.session_id in state.early_cancels:
        reservations.cancel(state, session.session_id)


def _adopt(state: State, session: Session, stage: Stage) -> None:
    until = state.now + state.times.hold_seconds
    state.ledger.adopt(Place(session.session_id, session.host_name, stage, state.now, until))


def _tell_again(state: State, session: Session, fact: HostedSession) -> None:
    """Repeats the orders that a broken connection may have swallowed; each twice is once."""
    if not fact.started:
        state.tell(session.host_name, Start(session.work))
    for _, feed in session.foods:
        state.tell(session.host_name, feed)
    if session.drained:
        state.tell(session.host_name, Drain(session.session_id))
    if session.cancelled:
        state.tell(session.host_name, Kill(session.session_id, state.times.grace_seconds))


def _lose_host(state: State, host: Host) -> None:
    if host.attached:
        state.effects.append(DropHost(host.name, host.attachment))
    host.lost, host.attached = True, False
    state.changes += 1
    message = f"{host.name} was silent for {state.times.lease_seconds:g} s"
    for place in state.ledger.on_host(host.name):
        _end_on_lost_host(state, place, message)
    for session in state.sessions_on(host.name):
        if session.initiated and not session.ended:
            _lose(state, session, message)


def _end_on_lost_host(state: State, place: Place, message: str) -> None:
    # Its container may still run there: the place stays taken until the host tells otherwise.
    state.ledger.end(place.session_id)
    if place.stage is Stage.CREATING:
        state.answer(place.session_id, Declined(Reason.HOST_LOST, message))


def _lose(state: State, session: Session, message: str) -> None:
    judgement.withdraw(state, session)
    state.end_as_lost(session, message)
    state.forget_if_done(session)


def _forget(state: State, host: Host, message: str) -> None:
    del state.hosts[host.name]
    for place in state.ledger.on_host(host.name):
        gone(state, place.session_id, message)
    for session in state.sessions_on(host.name):
        if session.initiated and not session.ended:
            _lose(state, session, message)
