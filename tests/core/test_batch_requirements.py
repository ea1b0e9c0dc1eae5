"""The requirements of figures 4.2 and 4.3 that the data manager satisfies, each by its number."""

import pytest

from data_manager.core import events
from data_manager.core.batch import session_sizes
from data_manager.core.effects import AskCapacity, Initiate, Reserve
from data_manager.core.model import RunState, SliceKind, SliceState
from data_manager.core.state import RECONCILE_SECONDS

N = 8


def reserves(asked) -> list[Reserve]:
    return [effect for effect in asked if isinstance(effect, Reserve)]


def initiates(asked) -> list[str]:
    return [effect.session.session_id for effect in asked if isinstance(effect, Initiate)]


def test_r28_capacity_is_asked_before_anything_is_reserved(talk):
    asked = talk.begin("b")
    assert asked == [AskCapacity()]
    assert reserves(talk.tell(events.CapacityReported(1)))


def test_r29_no_capacity_no_reservation_and_asked_again_at_the_tick(talk):
    talk.begin("b")
    assert talk.capacity(0) == []
    wait = talk.orchestrator.wake_time() - talk.now
    assert 0 < wait <= RECONCILE_SECONDS
    assert talk.pass_time(wait) == [AskCapacity()]


def test_r29_no_capacity_is_asked_for_again_as_soon_as_it_is_told_of(talk):
    talk.begin("b")
    assert talk.capacity(0) == []
    assert talk.tell(events.CapacityGrew()) == [AskCapacity()]


def test_r32_at_most_n_slices_a_session(talk):
    talk.crawled("b", 100, streams=3, slices_per_session=7)
    assert [len(session.slice_ids) for session in talk.capacity(9)] == [7, 7, 7]


def test_r33_at_most_as_many_sessions_as_the_capacity(talk):
    talk.crawled("b", 100, streams=50)
    assert len(talk.capacity(3)) == 3


def test_r33_what_is_asked_for_already_is_taken_off_the_capacity(talk):
    talk.crawled("a", 100, streams=3)
    talk.begin("b", streams=3)
    first = talk.capacity(4)
    assert len(first) == 4
    assert {session.run_id for session in first} == {"a", "b"}
    talk.begin("c", streams=3)
    assert talk.capacity(4) == []


def test_r34_n_is_the_users(talk):
    talk.crawled("b", 10, streams=1, slices_per_session=3)
    assert len(talk.capacity(1)[0].slice_ids) == 3


def test_r35_no_slice_is_in_two_sessions(talk):
    talk.crawled("b", 40, streams=5)
    held = [name for session in talk.capacity(5) for name in session.slice_ids]
    assert len(held) == len(set(held)) == 40


def test_r36_worked_example_a(talk):
    talk.crawled("b", 80, streams=10, slices_per_session=8)
    sessions = talk.capacity(4)
    assert [talk.numbers(session) for session in sessions] == [
        list(range(1, 9)), list(range(9, 17)), list(range(17, 25)), list(range(25, 33)),
    ]  # fmt: skip


def test_r37_one_reservation_names_all_sessions(talk):
    talk.crawled("b", 40, streams=5)
    [reserve] = reserves(talk.tell(events.CapacityReported(5)))
    assert len(reserve.sessions) == 5


def test_r37_one_reservation_names_no_more_than_a_message_may(talk):
    talk.crawled("a b", 900, streams=1_000, slices_per_session=1)
    first = talk.capacity(24_000)
    assert len(first) == 1_000
    talk.grant(first)
    assert len(talk.capacity(24_000)) == 800


@pytest.mark.parametrize("granted", [0, 1, 2, 3])
def test_r38_none_some_or_all_are_granted(talk, granted):
    talk.crawled("b", 24, streams=3)
    sessions = talk.capacity(3)
    asked = talk.answer(sessions, sessions[:granted])
    assert len(initiates(asked)) == granted
    assert len(talk.queue("b")) == 8 * (3 - granted)


def test_r40_refused_slices_go_to_the_end(talk):
    talk.crawled("b", 80, streams=5)
    sessions = talk.capacity(5)
    talk.answer(sessions, sessions[1:])
    assert talk.queue("b") == [*range(41, 81), *range(1, 9)]


def test_r41_what_is_granted_is_initiated_also_when_others_are_refused(talk):
    talk.crawled("b", 80, streams=5)
    sessions = talk.capacity(5)
    asked = talk.answer(sessions, [sessions[0], sessions[2]])
    assert initiates(asked) == [sessions[0].session_id, sessions[2].session_id]


def test_r42_a_second_reservation_is_sent_for_what_was_refused(talk):
    talk.crawled("b", 16, streams=2)
    sessions = talk.capacity(2)
    talk.answer(sessions, sessions[:1])
    assert talk.pass_time(0.1) == [AskCapacity()]
    [again] = talk.capacity(1)
    # Half of them: the other half is left for the stream that is busy.
    assert again.slice_ids == sessions[1].slice_ids[:4]
    assert initiates(talk.grant([again])) == [again.session_id]
    [rest] = [talk.work(sessions[0]), talk.capacity(1)][1]
    assert rest.slice_ids[0] == sessions[1].slice_ids[4]


def test_r42_the_wait_for_the_second_grows_and_is_bounded(talk):
    talk.crawled("b", 8, streams=1)
    waits = []
    for _ in range(9):
        sessions = talk.capacity(1)
        talk.answer(sessions, [])
        live = talk.orchestrator.state.lives["b"]
        waits.append(round(live.ask_time - talk.now, 3))
        talk.pass_time(waits[-1])
        if not talk.orchestrator.state.asking:
            talk.pass_time(5.0)
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


def test_r45_a_session_that_is_done_leads_to_the_next_round(talk):
    talk.crawled("b", 16, streams=1)
    [session] = talk.capacity(1)
    talk.grant([session])
    assert talk.work(session) == [AskCapacity()]


def test_r47_while_a_queue_is_populated_there_is_a_next_round(talk):
    talk.crawled("b", 24, streams=1)
    rounds = 0
    while talk.queue("b") and talk.queue("b") != [-1]:
        [session] = talk.capacity(1)
        talk.grant([session])
        talk.work(session)
        rounds += 1
    assert rounds == 3


def test_r48_a_third_reservation_takes_the_slices_that_are_left(talk):
    talk.crawled("b", 24, streams=1)
    taken = []
    for _ in range(3):
        [session] = talk.capacity(1)
        talk.grant([session])
        talk.work(session)
        taken += talk.numbers(session)
    assert taken == list(range(1, 25))


def test_r49_an_empty_queue_ends_the_backup(talk):
    talk.crawled("b", 3, streams=1)
    talk.finish(1)
    assert talk.state("b") is RunState.SUCCEEDED
    assert talk.tally("b") == {SliceState.DONE: 5}
    assert talk.slice("b:close").kind is SliceKind.SEAL


def test_r50_sessions_of_different_assets_are_in_flight_together(talk):
    talk.crawled("a b", 20, streams=2)
    sessions = talk.capacity(4)
    assert sorted(session.run_id for session in sessions) == ["a", "a", "b", "b"]
    talk.grant(sessions)
    assert len(talk.orchestrator.sessions_alive()) == 4


def test_r51_capacity_that_shrank_between_asking_and_reserving_loses_nothing(talk):
    talk.crawled("b", 40, streams=5)
    sessions = talk.capacity(5)
    talk.answer(sessions, [])
    assert talk.queue("b") == list(range(1, 41))
    talk.finish(1)
    assert talk.state("b") is RunState.SUCCEEDED


def test_r52_worked_example_b(talk):
    """Ten assets of 80 slices; five sessions of eight, of which four can be made."""
    assets = [f"a{number}" for number in range(10)]
    talk.crawled(" ".join(assets), 80, streams=5, slices_per_session=N)
    sessions = talk.capacity(5)
    assert sum(len(session.slice_ids) for session in sessions) == 40
    talk.answer(sessions, sessions[:4])
    refused = sessions[4]
    assert talk.queue(refused.run_id)[-8:] == talk.numbers(refused)
    talk.finish(4)
    done = sum(talk.tally(asset)[SliceState.DONE] for asset in assets)
    assert done == 800 + 10 * 2, "all slices, and the crawl and the seal of each"


def test_the_last_slices_are_spread_over_all_streams():
    assert session_sizes(5, 4, 8, running=0) == [2, 1, 1, 1]
    assert session_sizes(40, 4, 8, running=0) == [8, 8, 8, 8]
    assert session_sizes(31, 4, 8, running=0) == [8, 8, 8, 7]


def test_r96_streams_that_are_busy_find_their_share_when_they_end():
    assert session_sizes(4, 1, 8, running=1) == [2]
    assert session_sizes(80, 1, 8, running=3) == [8]
    assert session_sizes(1, 1, 8, running=3) == [1]
