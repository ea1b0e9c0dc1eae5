"""What must hold in a simulated world, whatever happens in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from data_manager.core import effects as do
from data_manager.core import events as ev
from data_manager.core.invariants import Broken, check, check_stored
from data_manager.core.kinds import OPENING_NUMBER, closes
from data_manager.core.model import Run, RunState, Session, Slice, SliceState, UnreadFile
from data_manager.core.pausing import BY_STORAGE, may_begin
from data_manager.core.state import State
from proxy_manager.core import effects as proxy_do
from proxy_manager.core import events as proxy_events
from proxy_manager.core.coordinator import Coordinator
from proxy_manager.core.model import Outcome
from sluicegate.simulation.workload import result_id

if TYPE_CHECKING:
    from sluicegate.simulation.host import Host
    from sluicegate.simulation.store import Store
    from sluicegate.simulation.world import World


class Checks:
    """Watches over the parties and over what they cannot see of one another.

    `each_event` looks at the cores after every event, which takes most of a world's time.
    """

    def __init__(self, world: World, each_event: bool) -> None:
        self._world = world
        self._each_event = each_event
        self._did: dict[tuple[str, int], int] = {}
        self._failures: Counter[str] = Counter()
        self._committed: set[tuple[str, int]] = set()

    def after_data_manager(self, state: State) -> None:
        """The data manager's invariants, of what is at hand."""
        if self._each_event:
            check(state)

    def stored(self, state: State, store: Store, changes: Sequence[do.Change]) -> None:
        """The data manager's invariants between what is at hand and what is stored now."""
        touched = dict.fromkeys(_run_of(change) for change in changes)
        for run_id in touched if self._each_event else ():
            if live := state.lives.get(run_id):
                part = State(state.name, state.policy, state.jitter, lives={run_id: live})
                check_stored(part, store.slices[run_id])

    def after_proxy(
        self,
        coordinator: Coordinator,
        event: proxy_events.Event,
        effects: Sequence[proxy_do.Effect],
    ) -> None:
        """No host is ever given more than its limit."""
        state = coordinator._state
        for effect in effects:
            if isinstance(effect, proxy_do.TellHost) and isinstance(effect.order, proxy_do.Create):
                host = state.hosts[effect.host_name]
                used = state.ledger.used(host.name)
                hold(used <= host.sessions_max, "places within the limit", host, used)

    def creating(self, host: Host) -> None:
        """A host is about to make one more container."""
        hold(host.containers < host.most, "containers within the limit", host.name, host.most)

    def did(
        self, slice_: Slice, records: tuple[Slice, ...], unread: tuple[UnreadFile, ...]
    ) -> None:
        """A session did a slice, but for some files; a closing one, with the records it got."""
        # One attempt may be made by two containers of a session, when a host is forgotten.
        key = (slice_.slice_id, slice_.attempt)
        self._did[key] = min(len(unread), self._did.get(key, len(unread)))
        if closes(slice_.number):
            plan = self._world.plans[slice_.run_id]
            hold(len(records) == len(plan.seconds), "a closing has all records", slice_, records)
            hold(all(r.state.terminal for r in records), "a closing comes last", slice_, records)

    def heard(self, event: ev.Event, sessions: Mapping[str, Session]) -> None:
        """A data manager is told something: so many failures of a slice there can be, not more.
        What storage is at fault for is none of the slice."""
        if isinstance(event, ev.SliceEnded) and event.failure is not None:
            self._failures[event.slice_id] += event.failure not in BY_STORAGE
        elif isinstance(event, ev.SessionEnded) and (session := sessions.get(event.session_id)):
            self._failures.update(session.slice_ids)

    def committed(self, outcomes: Iterable[Outcome]) -> None:
        """A data manager has committed outcomes."""
        self._committed.update((o.session_id, o.number) for o in outcomes)

    def forgotten(self, host: Host, outcome: Outcome) -> None:
        """A host forgets an outcome as it was acknowledged: it must be committed.

        Only what a session says whose loss is made known already counts for nothing, and what its
        stray container on another host says.
        """
        if (outcome.session_id, outcome.number) in self._committed:
            return
        session = self._world.proxy.coordinator._state.sessions.get(outcome.session_id)
        believed = any(
            outcome.session_id in data_manager.store.sessions
            for data_manager in self._world.data_managers
        )
        fenced = session is not None and (session.fenced or session.host_name != host.name)
        hold(fenced or not believed, "acknowledged is committed", outcome)

    def saving_slice(self, old: Slice | None, new: Slice) -> None:
        """A slice's row is about to change."""
        if old is not None:
            hold(not old.state.terminal, "terminal slices never change", old, new)
            hold(new.attempt >= old.attempt, "attempts never decrease", old, new)
            if new.state is SliceState.RESERVED:
                hold(new.attempt == old.attempt + 1, "no attempt is used twice", old, new)
        failures = self._failures[new.slice_id]
        hold(new.failures <= failures, "no failure is made up", new, failures)
        if new.state is SliceState.DONE and new.number != OPENING_NUMBER:
            done = (new.slice_id, new.attempt) in self._did
            hold(done and new.result_id == result_id(new), "done is what a session did", new)

    def queueing_again(self, slice_: Slice) -> None:
        """A slice that is done is queued again: only where what it stored was taken."""
        hold(slice_.state is SliceState.DONE, "what is lost was done", slice_)

    def putting_back(self, slice_: Slice, last_turn: int) -> None:
        """A slice goes back to its queue, the last of which has had this turn until now."""
        hold(slice_.turn > last_turn, "what is put back goes to the end", slice_, last_turn)

    def saving_run(self, old: Run | None, new: Run) -> None:
        """A run's row is about to change."""
        hold(old is None or not old.state.terminal, "terminal runs never change", old, new)

    def ended(self, run: Run, slices: dict[str, Slice]) -> None:
        """A run is over: it is no better than what there is of it."""
        plan = self._world.plans[run.run_id]
        hold(all(s.state.terminal for s in slices.values()), "all slices are terminal", run)
        if run.state not in (RunState.SUCCEEDED, RunState.PARTIAL):
            return
        bodies = [s for s in slices.values() if s.number > 0]
        hold(len(bodies) == len(plan.seconds), "nothing is left out", run, len(bodies))
        hold(run.cut_through is None or not bodies, "all was cut", run)
        hold(not self._world.repository.lost(bodies), "what is sealed is there", run)
        failed = [s for s in bodies if s.state is not SliceState.DONE]
        failed += [s for s in slices.values() if self._did.get((s.slice_id, s.attempt))]
        hold(run.state is RunState.PARTIAL or not failed, "success is whole", run, failed)
        closing = {s.state for s in slices.values() if closes(s.number)}
        hold(closing <= {SliceState.DONE, SliceState.CANCELLED}, "a result is closed", run)
        done = [s for s in slices.values() if closes(s.number) and s.state is SliceState.DONE]
        hold(len(done) == bool(closing), "a result has one closing", run, done)

    def litter(self) -> str:
        """What is left lying about when all runs are over; nothing after a while."""
        world = self._world
        state = world.proxy.coordinator._state
        for place in state.ledger:
            host = world.hosts.get(place.host_name)
            if host is None or not host.removed:
                return f"a place: {place}"
        for data_manager in world.data_managers:
            if data_manager.store.sessions:
                return f"sessions in the store: {sorted(data_manager.store.sessions)}"
        for host in world.hosts.values():
            if host.program.alive and host.sessions:
                return f"sessions on {host.name}: {sorted(host.sessions)}"
        return ""

    def waiting(self) -> str:
        """Who could have a place and has not asked, or nothing: a slice waits, a place is free
        also when all is granted that is asked for, and nothing of that run is asked for."""
        world = self._world
        if not world.calm:
            return ""
        free = world.proxy.coordinator._state.openings.free
        for data_manager in world.data_managers:
            free -= data_manager.asked_for
        for data_manager in world.data_managers if free > 0 else ():
            state = data_manager.orchestrator.state
            for run_id, live in state.lives.items():
                room = min(live.room, state.storage_room(live), may_begin(state, live))
                waits = live.run.stopping is None and live.queue.ready > 0
                if waits and room > 0 and not live.reserving:
                    return f"{run_id} after {live.run.sessions_made} sessions"
        return ""


def cancelled(slice_: Slice) -> Slice:
    """A slice of a run that is stopped: cancelled, unless it is terminal."""
    if slice_.state.terminal:
        return slice_
    return replace(slice_, state=SliceState.CANCELLED, session_id=None)


def _run_of(change: do.Change) -> str:
    match change:
        case do.SaveSlice(slice_):
            return slice_.run_id
        case do.SaveRun(run):
            return run.run_id
        case do.CancelSlices(run_id):
            return run_id
        case _:
            return ""


def hold(condition: bool, what: str, *found: object) -> None:
    """Raises Broken with what is wrong."""
    if not condition:
        raise Broken(f"{what}: {found}")
