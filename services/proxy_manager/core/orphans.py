"""Sessions that run and that their data manager does not believe in: nobody would ever end them.

Their loss was told and committed, and the proxy manager that knew it was started anew since. Only
sessions that a host told of are looked at: whatever was begun through this proxy manager may be
younger than what its data manager said.
"""

from proxy_manager.core.effects import Kill
from proxy_manager.core.events import DataManagerAttached
from proxy_manager.core.state import Session, State


def note(state: State, event: DataManagerAttached) -> None:
    """Notes what a data manager believes in, and ends what it does not believe in."""
    state.named[event.data_manager_id] = frozenset(event.session_ids)
    for session in list(state.sessions.values()):
        if session.data_manager_id == event.data_manager_id and disown(state, session):
            state.ledger.end(session.session_id)
            state.tell(session.host_name, Kill(session.session_id, state.times.grace_seconds))
            state.forget_if_done(session)


def disown(state: State, session: Session) -> bool:
    """Makes the end of a session that is an orphan. Whether it is one.

    The end is told, as what its data manager said may be older than the session after all.
    """
    named = state.named.get(session.data_manager_id)
    if not session.adopted or session.ended or named is None or session.session_id in named:
        return False
    state.end_as_lost(session, "its data manager does not name it")
    return True
