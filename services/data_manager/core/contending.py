"""Runs that wait, as the policies see them, and how many places each gets."""

from collections.abc import Iterable

from data_manager.core.live import Live
from data_manager.core.state import State
from data_manager.core.turns import Contender, Turns


def turns_of(state: State, lives: Iterable[Live]) -> Turns:
    """The order among runs whose queues are populated."""
    contenders = [_contender(live) for live in lives]
    return Turns(state.policy, contenders, state.streams_of_share, state.jitter)


def allot(state: State, wanting: Iterable[Live], places: int) -> dict[str, int]:
    """How many sessions each run gets, at most as many as there are places."""
    lives = {live.run.run_id: live for live in wanting}
    room = {run_id: min(live.room, live.queue.ready) for run_id, live in lives.items()}
    storage_room = {live.run.request.storage: state.storage_room(live) for live in lives.values()}
    turns = turns_of(state, lives.values())
    allotted: dict[str, int] = {}
    for _ in range(places):
        chosen = turns.next(lambda one: storage_room[lives[one.run_id].run.request.storage] > 0)
        if chosen is None:
            break
        allotted[chosen.run_id] = allotted.get(chosen.run_id, 0) + 1
        storage_room[lives[chosen.run_id].run.request.storage] -= 1
        turns.count(chosen, 1, chosen.since)
        if allotted[chosen.run_id] < room[chosen.run_id]:
            turns.put(chosen)
    return allotted


def _contender(live: Live) -> Contender:
    options = live.run.request.options
    return Contender(
        live.run.run_id,
        live.run.request.storage,
        len(live.streams),
        options.weight,
        options.priority,
        len(live.queue),
        live.waiting_since,
        live.begun,
    )
