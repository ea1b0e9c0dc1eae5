"""What the beginning of a session says of the health of its host: judged once for each session."""

from proxy_manager.core.state import Session, State


def fail(state: State, session: Session) -> None:
    """It could not be started, or died before it was given anything to do."""
    host = state.hosts.get(session.host_name)
    if host is not None and not session.judged:
        session.judged = True
        host.health.fail(session.session_id, state.now)
        state.refresh(host.name)


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
    host = state.hosts.get(session.host_name)
    if host is not None and not session.judged:
        session.judged = True
        host.health.succeed(session.session_id)
        state.refresh(host.name)


def withdraw(state: State, session: Session) -> None:
    """It is over without having shown anything."""
    host = state.hosts.get(session.host_name)
    if host is not None and not session.judged:
        session.judged = True
        host.health.withdraw(session.session_id)
        state.refresh(host.name)
