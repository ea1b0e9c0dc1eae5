"""Places that sessions which are fed give to runs that they cannot serve: those of another
repository, or another method. Else such a run would wait until all slices of others are done."""

from data_manager.core.contending import allot, wanted
from data_manager.core.live import Live
from data_manager.core.model import SessionState
from data_manager.core.options import Method
from data_manager.core.pausing import may_begin
from data_manager.core.state import State


def promised(state: State, repository: str) -> dict[str, int]:
    """The runs that found no place and cannot be served by the sessions of a repository, each with
    how many places are on their way to it: of sessions that are ending."""
    starving = [o for o in state.waiters.others(repository) if _starves(state, o, repository)]
    if not starving:
        return {}
    starving.sort(key=lambda live: live.begun)
    ending = (s for s in state.sessions.values() if s.state is SessionState.DRAINING)
    allotted = allot(state, starving, sum(1 for _ in ending))
    return {live.run.run_id: allotted.get(live.run.run_id, 0) for live in starving}


def wants_more(state: State, live: Live, places: int) -> bool:
    """True if a run can use more than so many places."""
    return places < min(wanted(live), state.storage_room(live), may_begin(state, live))


def _starves(state: State, live: Live, repository: str) -> bool:
    if not live.starved or live.reserving:
        return False
    served = live.run.request.repository == repository and state.method(live) is Method.CONTINUOUS
    return not served and wants_more(state, live, 0)
