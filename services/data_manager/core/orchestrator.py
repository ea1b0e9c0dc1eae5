"""The one that decides: events and the time in, effects out."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import assert_never

from data_manager.core import (
    events,
    feeding,
    loading,
    outcomes,
    pausing,
    restarting,
    rounds,
    runs,
    storages,
)
from data_manager.core.changes import Changes
from data_manager.core.effects import Effect
from data_manager.core.explaining import Explanation, explain
from data_manager.core.live import Live
from data_manager.core.model import Request, SessionState, Slice, Standing
from data_manager.core.options import QueuePolicy
from data_manager.core.queues import WINDOW_SLICES
from data_manager.core.slices import cancel_sessions
from data_manager.core.state import RECONCILE_SECONDS, State


class Orchestrator:
    """All runs that are not over. Everything it knows is in the effects it has returned.

    `name` makes session ids unique among data managers; `jitter` gives numbers from 0 to 1. About
    `window` slices of each queue are kept at hand.
    """

    def __init__(
        self,
        name: str,
        jitter: Callable[[], float],
        policy: QueuePolicy = QueuePolicy.FAIR,
        window: int = WINDOW_SLICES,
    ) -> None:
        self.state = State(name, policy, jitter, window=window)

    def handle(self, event: events.Event, now: float) -> list[Effect]:
        """Takes in one event; returns the effects it calls for, in order."""
        return self.handle_all((event,), now)

    def handle_all(self, happened: Iterable[events.Event], now: float) -> list[Effect]:
        """Takes in what happened; what follows from all of it together, in order."""
        state = self.state
        state.now = now
        state.changes = Changes()
        state.wake()
        for run_id in state.waiters.come(now):
            state.touch(run_id)
        for event in happened:
            self._decide(event)
        runs.give_up_waiting(state)
        pausing.look(state)
        while state.touched:
            for live in self._touched():
                runs.advance(state, live)
                loading.load(state, live)
        feeding.feed(state)
        rounds.begin_round(state)
        for live in self._touched():
            loading.load(state, live)
        return list(state.changes.effects())

    def wake_time(self) -> float:
        """When time passing will make a difference, if nothing else happens first."""
        return min(self._wake_times())

    def _wake_times(self) -> Iterator[float]:
        state = self.state
        yield state.reconcile_time
        if state.later:
            yield state.later[0][0]
        yield from feeding.wake_times(state)
        yield from pausing.wake_times(state)
        if not state.asking:
            yield from rounds.wake_times(state)

    def standing(self, run_id: str) -> Standing | None:
        """How a run stands; None when it is over or unknown."""
        standing = self.state.standing(run_id)
        live = self.state.lives.get(run_id)
        if standing is None or live is None or live.run.stopping is not None:
            return standing
        breaker = pausing.breaker_of(self.state, live)
        if breaker is None:
            return standing
        return replace(standing, paused=breaker.failure, paused_message=breaker.message)

    def sessions_alive(self) -> list[str]:
        """The sessions that run, as far as is known, or may run."""
        return [
            session_id
            for session_id, session in self.state.sessions.items()
            if session.state is not SessionState.RESERVING
        ]

    def request(self, run_id: str) -> Request | None:
        """What was asked for by a run that is not over."""
        live = self.state.lives.get(run_id)
        return live.run.request if live else None

    def explain(self, run_id: str, slice_: Slice | None, before: int) -> Explanation:
        """Why a run waits, or a slice of it that has so many before it in its queue."""
        return explain(self.state, run_id, slice_, before)

    def uses(self, asset_id: str) -> bool:
        """True while a run is over an asset."""
        return any(live.run.request.asset_id == asset_id for live in self.state.lives.values())

    def _touched(self) -> list[Live]:
        """The runs that something has changed of, in an order that is the same every time."""
        touched, self.state.touched = sorted(self.state.touched), set()
        return [live for run_id in touched if (live := self.state.lives.get(run_id))]

    def _decide(self, event: events.Event) -> None:
        state = self.state
        match event:
            case events.SliceEnded():
                outcomes.slice_ended(state, event)
            case events.CutsMade():
                outcomes.cuts_made(state, event)
            case events.VerdictsMade():
                outcomes.verdicts_made(state, event)
            case events.SessionEnded():
                outcomes.session_ended(state, event)
            case events.Progressed():
                outcomes.progressed(state, event)
            case events.SlicesLoaded():
                loading.loaded(state, event)
            case events.RunBegun(run):
                runs.begin(state, run)
            case events.CancelAsked(run_id):
                runs.cancel(state, run_id)
            case events.Restarted():
                restarting.restart(state, event)
            case events.StorageLimited(storage, streams):
                storages.limit(state, storage, streams)
            case events.TimePassed():
                self._time_passed()
            case _:
                self._hear(event)

    def _hear(self, event: events.Answer) -> None:
        """Takes in what the proxy manager says."""
        state = self.state
        match event:
            case events.CapacityReported(sessions, closed):
                rounds.capacity_reported(state, sessions, closed)
            case events.CapacityUnanswered():
                rounds.capacity_unanswered(state)
            case events.CapacityGrew():
                rounds.capacity_grew(state)
            case events.ProxiesConnected():
                state.unanswered.update(self.sessions_alive())
            case events.ReservationAnswered():
                rounds.reservation_answered(state, event)
            case events.ReservationUnanswered():
                rounds.reservation_unanswered(state, event)
            case events.Initiated(session_id):
                rounds.initiated(state, session_id)
            case events.ReservationLapsed(session_id):
                rounds.lapsed(state, session_id)
            case events.InitiationUnanswered(session_id):
                rounds.initiation_unanswered(state, session_id)
            case events.InitiationRefused():
                rounds.initiation_refused(state, event)
            case events.FeedUnanswered(session_ids):
                state.unanswered.update(state.sessions.keys() & session_ids)
            case events.DrainUnanswered(session_id):
                state.unanswered.update(state.sessions.keys() & {session_id})
            case _:
                assert_never(event)

    def _time_passed(self) -> None:
        state = self.state
        for live in list(state.lives.values()):
            runs.give_up_stopping(state, live)
        if state.reconcile_time <= state.now:
            state.reconcile_time = state.now + RECONCILE_SECONDS
            self._reconcile()

    def _reconcile(self) -> None:
        """Asks again for whatever is wanted and has not come, also if no notice ever arrives."""
        state = self.state
        state.let_all_ask()
        for live in state.lives.values():
            if live.run.stopping is not None:
                cancel_sessions(state, live)
        for session_id in sorted(state.unanswered):
            feeding.assure(state, state.sessions[session_id])
        state.unanswered.clear()
