"""What the beginning of a session says of the health of its host: judged once for each session."""

from collections.abc import Callable

from proxy_manager.core.quarantine import Health
from proxy_manager.core.state import Session, State


def fail(state: State, session: Session) -> None:
    """It could not be started, or died before it was given anything to do."""
    _judge(state, session, lambda health: health.fail(session.session_id, state.now))


def time_out(state: State, session: Session) -> None:
    """It did not answer in time; when its host does not either, that is no fault of the session."""
    host = state.hosts.get(session.host_name)
    if host is not None and host.attached:
        fail(state, session)


def lose(state: State, session: Session) -> None:
    """It died: early, a failure of its host; later, or when told to end, it says nothing."""
    early = state.now - session.since < state.rules.early_seconds
    if early and not session.cancelled:
        fail(state, session)
    else:
        withdraw(state, session)


def succeed(state: State, session: Session) -> None:
    """It did a slice, or ended as it should."""
    _judge(state, session, lambda health: health.succeed(session.session_id))


def withdraw(state: State, session: Session) -> None:
    """It is over without having shown anything."""
    _judge(state, session, lambda health: health.withdraw(session.session_id))


def _judge(state: State, session: Session, verdict: Callable[[Health], None]) -> None:
    """Lets a session say something of its host, once."""
    host = state.hosts.get(session.host_name)
    if host is not None and not session.judged:
        session.judged = True
        verdict(host.health)
        state.refresh(host.name)
