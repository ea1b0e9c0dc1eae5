"""Cores that are broken on purpose, each in one place: a simulator that does not find them proves
nothing about those that are whole.

Each is entered as a context, and the cores are whole again when it is left.
"""

import heapq
from dataclasses import replace

from data_manager.core import (
    feeding,
    loading,
    losses,
    orchestrator,
    outcomes,
    pausing,
    queues,
    restarting,
    rounds,
    runs,
    slices,
)
from data_manager.core.kinds import CLOSING_NUMBER
from data_manager.core.live import Live
from data_manager.core.model import Failure, RunState, SliceState
from data_manager.core.state import State
from data_manager.core.waiters import Waiters
from proxy_manager.core import attachments, coordinator, deliveries, reservations
from proxy_manager.core.effects import Acknowledge
from proxy_manager.core.ledger import Ledger
from proxy_manager.core.outbox import Outbox
from proxy_manager.core.placement import Openings
from proxy_manager.core.state import Host
from proxy_manager.core.state import State as ProxyState
from simulation.mutating import mutant, nothing, put
from sluicegate.simulation import session

# -- The proxy manager


@mutant(Host, "sessions_max")
def over_grant_by_one(whole):
    return property(lambda host: whole.fget(host) + 1)


@mutant(Ledger, "end")
def free_a_place_before_its_container_is_gone(whole):
    def end(ledger, session_id):
        return ledger.free(session_id)

    return end


@mutant(deliveries, "_take_in")
def acknowledge_before_commit(whole):
    def take_in(state, session, outcome):
        whole(state, session, outcome)
        state.tell(session.host_name, Acknowledge(session.session_id, outcome.number))

    return take_in


@mutant(attachments, "_tell_again")
def forget_orders_that_a_broken_call_swallowed(whole):
    return nothing


@mutant(attachments, "_lose_host")
def wait_for_ever_for_a_host(whole):
    return nothing


@mutant(reservations, "lapse")
def hold_places_for_ever(whole):
    return nothing


@mutant(reservations, "end")
def end_a_reservation_and_let_its_container_run(whole):
    def end(state, place, answer):
        with put(ProxyState, "tell", nothing):
            whole(state, place, answer)

    return end


@mutant(Outbox, "begin")
def forget_what_was_sent_on_the_last_stream(whole):
    def begin(outbox):
        outbox._sent.clear()
        outbox._next_number = 1

    return begin


@mutant(deliveries, "answer_believed")
def leave_data_managers_in_their_beliefs(whole):
    return nothing


@mutant(Openings, "note")
def never_open_a_host_again(whole):
    def note(openings, opening):
        known = openings.get(opening.name)
        if known is None or known.room or not opening.room:
            whole(openings, opening)

    return note


@mutant(coordinator.deliveries, "acknowledge")
def keep_committed_outcomes_from_their_sessions(whole):
    def acknowledge(state, data_manager_id, through_number):
        with put(ProxyState, "tell", nothing):
            whole(state, data_manager_id, through_number)

    return acknowledge


# -- The seal


@mutant(session, "found_lost")
def seal_without_a_look_at_what_is_there(whole):
    return lambda repository, slice_, records: ()


# -- The data manager


@mutant(State, "enqueue")
def requeue_at_the_front(whole):
    def enqueue(state, live, slice_):
        turns = live.turns
        if slice_.attempt:
            live.turns = -1_000_000_000
        whole(state, live, slice_)
        live.turns = max(turns, live.turns)

    return enqueue


@mutant(outcomes, "_current")
def forget_the_fence(whole):
    def current(state, event):
        live = state.lives.get(event.slice_id.rpartition(":")[0])
        slice_ = live.slices.get(event.slice_id) if live else None
        running = slice_ is not None and slice_.state is SliceState.RUNNING
        return (live, slice_) if running else None

    return current


@mutant(outcomes, "put_back_session")
def forget_what_a_lost_session_had(whole):
    return nothing


@mutant(queues.Queue, "take")
def take_a_slice_twice(whole):
    def take(queue, most, weight_of, most_weight):
        ready = list(queue._ready)
        taken = whole(queue, most, weight_of, most_weight)
        queue._ready[:] = ready
        return taken

    return take


@mutant(orchestrator.Orchestrator, "_reconcile")
def never_ask_again(whole):
    return nothing


@mutant(rounds, "capacity_unanswered")
def wait_for_ever_for_a_capacity(whole):
    return nothing


@mutant(rounds, "capacity_reported")
def lose_a_wake_up(whole):
    def capacity_reported(state, places, closed):
        whole(state, places, closed)
        if not places:
            state.asking = True

    return capacity_reported


@mutant(Waiters, "touch")
def look_at_no_run_that_has_changed(whole):
    return nothing


@mutant(Live, "room")
def one_stream_more_than_the_user_set(whole):
    return property(lambda live: whole.fget(live) + 1)


@mutant(Live, "open_slices")
def close_while_slices_run(whole):
    def open_slices(live):
        return whole.fget(live) - live.tally[SliceState.RUNNING]

    return property(open_slices)


@mutant(rounds, "place")
def use_an_attempt_twice(whole):
    def place(state, live, slice_id, session_id, as_):
        slice_ = live.slices[slice_id]
        attempt = max(1, slice_.attempt)
        state.save_slice(live, replace(slice_, state=as_, attempt=attempt, session_id=session_id))

    return place


@mutant(runs, "_with_result")
def call_it_a_success_whatever_failed(whole):
    return lambda live: replace(whole(live), state=RunState.SUCCEEDED)


@mutant(feeding, "_drain")
def let_fed_sessions_idle_for_ever(whole):
    def drain(state, session_id):
        state.sate(state.sessions[session_id])

    return drain


@mutant(outcomes, "_end_to_end")
def cut_again_what_is_told_twice(whole):
    return lambda start, cuts: True


@mutant(queues.Queue, "loaded")
def load_slices_before_their_time(whole):
    def loaded(queue, keys, *, all_of_them):
        later, queue._later = queue._later, set()
        try:
            return whole(queue, keys, all_of_them=all_of_them)
        finally:
            queue._later = later

    return loaded


@mutant(queues.Queue, "put")
def forget_what_lies_past_the_window(whole):
    def put_(queue, key):
        beyond = queue.beyond
        here = whole(queue, key)
        queue.beyond = beyond
        return here

    return put_


@mutant(loading, "loaded")
def never_take_in_the_next_part_of_a_queue(whole):
    return nothing


@mutant(restarting, "_take_up")
def forget_sessions_over_a_restart(whole):
    return nothing


@mutant(rounds, "_begin_session")
def grant_without_initiating(whole):
    def begin_session(state, session):
        with put(rounds, "initiate", nothing):
            whole(state, session)

    return begin_session


@mutant(runs, "stop")
def stop_a_run_and_let_its_sessions_work(whole):
    def stop(state, live, terminal, failure, message):
        with put(slices, "cancel_sessions", nothing):
            whole(state, live, terminal, failure, message)
            live.ending.clear()

    return stop


@mutant(outcomes, "fail")
def count_the_tries_that_storage_failed(whole):
    def fail(state, live, slice_, failure, message):
        slices_fault = Failure.TRANSIENT if failure in pausing.BY_STORAGE else failure
        whole(state, live, slice_, slices_fault, message)

    return fail


@mutant(rounds, "may_begin")
def never_try_storage_again(whole):
    return lambda state, live: 0 if pausing.breaker_of(state, live) else whole(state, live)


@mutant(State, "wake")
def never_wake_what_waits_for_a_time(whole):
    def wake(state):
        while state.later and state.later[0][0] <= state.now:
            heapq.heappop(state.later)

    return wake


@mutant(restarting, "closing_number")
def take_a_seal_that_was_called_off_for_the_last(whole):
    return lambda live: CLOSING_NUMBER


@mutant(losses, "QueueAgain")
def do_not_do_again_what_is_lost(whole):
    return lambda run_id, numbers, turn: whole(run_id, (), turn)
