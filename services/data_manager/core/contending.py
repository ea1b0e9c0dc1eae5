"""Runs that wait, as the policies see them, and how many places each gets."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from data_manager.core.live import Live
from data_manager.core.options import Method
from data_manager.core.pausing import may_begin
from data_manager.core.state import State
from data_manager.core.turns import Contender, Turns

NOTHING: Mapping[str, int] = MappingProxyType({})


def turns_of(state: State, lives: Iterable[Live], promised: Mapping[str, int] = NOTHING) -> Turns:
    """The order among runs whose queues are populated; what is promised to them counts."""
    shares: Counter[str] = Counter()
    for run_id, places in promised.items():
        shares[state.lives[run_id].run.request.storage] += places
    return Turns(
        state.policy,
        [_contender(live, promised.get(live.run.run_id, 0)) for live in lives],
        lambda share: state.storage_streams[share] + shares[share],
        lambda share: state.storage_given.get(share, -math.inf),
        state.jitter,
    )


def allot(state: State, wanting: Iterable[Live], places: int) -> dict[str, int]:
    """How many sessions each run gets, at most as many as there are places."""
    if places <= 0:
        return {}
    lives = {live.run.run_id: live for live in wanting}
    room = {run_id: min(wanted(live), may_begin(state, live)) for run_id, live in lives.items()}
    storage_room = {live.run.request.storage: state.storage_room(live) for live in lives.values()}
    turns = turns_of(state, lives.values())
    allotted: dict[str, int] = {}
    for _ in range(places):
        chosen = turns.next(lambda one: storage_room[lives[one.run_id].run.request.storage] > 0)
        if chosen is None:
            break
        allotted[chosen.run_id] = allotted.get(chosen.run_id, 0) + 1
        storage_room[lives[chosen.run_id].run.request.storage] -= 1
        turns.count(chosen, 1, state.now)
        chosen.remaining -= _begins_with(state, lives[chosen.run_id])
        if allotted[chosen.run_id] < room[chosen.run_id]:
            turns.put(chosen)
    return allotted


def wanted(live: Live) -> int:
    """How many more streams a run can use."""
    return min(live.room, live.queue.ready)


def _begins_with(state: State, live: Live) -> int:
    """About how many slices a session of a run takes from its queue when it begins."""
    batch = state.method(live) is Method.BATCH
    return live.run.request.options.slices_per_session if batch else 1


def _contender(live: Live, promised: int) -> Contender:
    """The contender of a run, as it is now: there may be a thousand at each step, and only one
    order among them at a time."""
    contender = live.contender
    if contender is None:
        request = live.run.request
        weight, priority = request.options.weight, request.options.priority
        contender = Contender(
            live.run.run_id, request.storage, 0, weight, priority, 0, 0.0, live.begun
        )
        live.contender = contender
    contender.streams = len(live.streams) + promised
    contender.remaining = len(live.queue)
    contender.since = live.waiting_since
    return contender
