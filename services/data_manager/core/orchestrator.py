"""The one that decides: an event and the time in, effects out."""

from collections.abc import Callable
from typing import assert_never

from data_manager.core import events, outcomes, rounds, runs
from data_manager.core.effects import Effect
from data_manager.core.model import SessionState, Standing
from data_manager.core.slices import cancel_sessions
from data_manager.core.state import RECONCILE_SECONDS, State


class Orchestrator:
    """All runs that are not over. Everything it knows is in the effects it has returned.

    `name` makes session ids unique among data managers; `jitter` gives numbers from 0 to 1.
    """

    def __init__(self, name: str, jitter: Callable[[], float]) -> None:
        self.state = State(name, jitter)

    def handle(self, event: events.Event, now: float) -> list[Effect]:
        """Takes in one event; returns the effects it calls for, in order."""
        state = self.state
        state.now = now
        state.effects = []
        for live in state.lives.values():
            live.queue.wake(now)
        self._decide(event)
        for live in list(state.lives.values()):
            runs.advance(state, live)
        rounds.begin_round(state)
        return state.effects

    def wake_time(self) -> float:
        """When time passing will make a difference, if nothing else happens first."""
        state = self.state
        times = [state.reconcile_time]
        times += [live.stop_by for live in state.lives.values() if live.stop_by is not None]
        if not state.asking:
            times += rounds.wake_times(state)
        return min(times)

    def standing(self, run_id: str) -> Standing | None:
        """How a run stands; None when it is over or unknown."""
        return self.state.standing(run_id)

    def sessions_alive(self) -> list[str]:
        """The sessions that run, as far as is known, or may run."""
        return [
            session_id
            for live in self.state.lives.values()
            for session_id, session in live.sessions.items()
            if session.state is not SessionState.RESERVING
        ]

    def uses(self, asset_id: str) -> bool:
        """True while a run is over an asset."""
        return any(live.run.request.asset_id == asset_id for live in self.state.lives.values())

    def _decide(self, event: events.Event) -> None:
        state = self.state
        match event:
            case events.Restarted():
                runs.restart(state, event)
            case events.RunBegun(run):
                runs.begin(state, run)
            case events.CancelAsked(run_id):
                runs.cancel(state, run_id)
            case events.CapacityReported(sessions):
                rounds.capacity_reported(state, sessions)
            case events.CapacityUnanswered():
                rounds.capacity_unanswered(state)
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
            case events.CutsMade():
                outcomes.cuts_made(state, event)
            case events.SliceEnded():
                outcomes.slice_ended(state, event)
            case events.SessionEnded():
                outcomes.session_ended(state, event)
            case events.Progressed():
                outcomes.progressed(state, event)
            case events.TimePassed():
                self._time_passed()
            case _:
                assert_never(event)

    def _time_passed(self) -> None:
        state = self.state
        for live in state.lives.values():
            runs.give_up_stopping(state, live)
        if state.reconcile_time <= state.now:
            state.reconcile_time = state.now + RECONCILE_SECONDS
            self._reconcile()

    def _reconcile(self) -> None:
        """Asks again for whatever is wanted and has not come, also if no notice ever arrives."""
        state = self.state
        for live in state.lives.values():
            live.ask_time = state.now
            if live.run.stopping is not None:
                cancel_sessions(state, live)
                continue
            for session_id in sorted(state.unanswered & live.sessions.keys()):
                state.unanswered.discard(session_id)
                rounds.initiate(state, live, live.sessions[session_id])
