"""Sessions that two hosts have.

A reservation that is repeated after this proxy manager was started anew may be placed before the
host that has its session already attaches. Then one of the two is a stray: it is killed, and its
place is entered under a name of its own until its host confirms that it is gone.
"""

from proxy_manager.core import judgement
from proxy_manager.core.effects import Kill
from proxy_manager.core.ledger import Place, Stage
from proxy_manager.core.model import Declined, HostedSession, Reason
from proxy_manager.core.state import Session, State


def name_of(session_id: str, host_name: str) -> str:
    """What the place of a stray is entered as; no session may be named so."""
    return f"{session_id}/{host_name}"


def session_of(place: Place) -> str:
    """The session that a place is of, or was of before it strayed."""
    return place.session_id.partition("/")[0]


def is_stray(state: State, session_id: str, host_name: str) -> bool:
    """Whether what a host has under a session's name is not that session."""
    if state.ledger.get(name_of(session_id, host_name)) is not None:
        return True
    session = state.sessions.get(session_id)
    return session is not None and session.host_name not in ("", host_name)


def settle(state: State, session: Session, host_name: str, fact: HostedSession) -> bool:
    """Decides between two hosts of a session. Whether the one that tells of it now has the stray.

    What was begun counts more than what was only reserved.
    """
    if not is_stray(state, session.session_id, host_name):
        return False
    if fact.started and not session.initiated:
        _strand(state, session)
        session.initiated = session.judged = True
        state.move(session, host_name)
        return False
    if not fact.gone:
        _enter(state, session.session_id, host_name)
    return True


def free(state: State, session_id: str, host_name: str) -> bool:
    """A container is confirmed gone. Whether it was a stray, of which nothing more follows."""
    if not is_stray(state, session_id, host_name):
        return False
    state.ledger.free(name_of(session_id, host_name))
    return True


def _strand(state: State, session: Session) -> None:
    """The session is elsewhere: what was reserved for it here is ended."""
    place = state.ledger.free(session.session_id)
    judgement.withdraw(state, session)
    if place is None:
        return
    _enter(state, session.session_id, place.host_name)
    if place.stage is Stage.CREATING:
        message = "it runs already; the reservation was repeated"
        state.answer(session.session_id, Declined(Reason.NO_PLACE, message))


def _enter(state: State, session_id: str, host_name: str) -> None:
    name = name_of(session_id, host_name)
    state.ledger.adopt(Place(name, host_name, Stage.ENDING, state.now, state.now))
    state.tell(host_name, Kill(session_id, 0.0))
