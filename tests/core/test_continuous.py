"""The method continuous, figures 6.1 and 6.2: sessions that are fed; each requirement by its
number."""

from functools import partial

import pytest

from core.fed import FED, crawl, drained, fed, holds, run
from data_manager.core.effects import AskCapacity, Initiate
from data_manager.core.model import Failure, RunState, SessionState, SliceState
from data_manager.core.options import Method, QueuePolicy, SliceOrder


@pytest.fixture
def crawled(talk):
    """Backups by this method whose crawls are over, and whose slices take long."""
    return partial(crawl, talk)


def test_r76_a_populated_queue_is_selected_by_the_same_policies(conversations):
    talk = conversations(QueuePolicy.PRIORITY)
    talk.begin("a", priority=1, **FED)
    talk.begin("b", priority=2, **FED)
    assert [session.run_id for session in talk.capacity(1)] == ["b"]


def test_r77_no_more_sessions_than_places(talk, crawled):
    crawled("b", 100, streams=50)
    assert len(talk.capacity(6)) == 6


def test_r78_all_sessions_are_initiated_to_stay(talk, crawled):
    crawled("b", 100, streams=3)
    sessions = talk.capacity(3)
    asked = talk.grant(sessions)
    initiated = [effect.session for effect in asked if isinstance(effect, Initiate)]
    assert [session.fed for session in initiated] == [True] * 3
    assert [session.repository for session in initiated] == ["/repo"] * 3


def test_r86_r88_after_each_slice_the_next_is_assigned_to_the_free_container(talk, crawled):
    crawled("b", 6, streams=2)
    (first, second), _ = run(talk, 2)
    assert fed(talk.done("b:1")) == [("b", 3)]
    assert fed(talk.done("b:2")) == [("b", 4)]
    assert holds(talk, first) == ["b:3"]
    assert holds(talk, second) == ["b:4"]


def test_r86_a_result_is_committed_slice_by_slice(talk, crawled):
    crawled("b", 6, streams=1)
    run(talk, 1)
    talk.done("b:1", result_id=b"r" * 32)
    assert talk.slice("b:1").state is SliceState.DONE
    assert talk.slice("b:1").result_id == b"r" * 32


def test_r87_while_any_queue_is_populated_nothing_is_drained(talk, crawled):
    crawled("a b", 10, streams=2)
    run(talk, 4)
    for number in range(1, 8):
        for name in (f"a:{number}", f"b:{number}"):
            assert drained(talk.done(name)) == []


def test_r88_one_that_is_put_back_is_fed_when_its_turn_comes(talk, crawled):
    crawled("b", 2, streams=1)
    (session,), _ = run(talk, 1)
    assert fed(talk.failed("b:1", Failure.TRANSIENT)) == [("b", 2)]
    assert talk.queue("b") == [1]
    talk.pass_time(1.0)
    assert fed(talk.done("b:2")) == [("b", 1)]
    assert talk.slice("b:1").attempt == 2
    assert holds(talk, session) == ["b:1"]


def test_r89_the_container_ends_when_no_slice_is_left_in_any_queue(talk):
    talk.begin("b", streams=1, **FED)
    (session,), _ = run(talk, 1)
    talk.cut("b", 2)
    for name in ("b:0", "b:1", "b:2"):
        assert drained(talk.done(name)) == []
    assert drained(talk.done("b:close")) == [session.session_id]
    assert talk.state("b") is RunState.SUCCEEDED
    assert talk.disk.sessions[session.session_id].state is SessionState.DRAINING
    talk.ended(session.session_id)
    assert talk.disk.sessions == {}


def test_r90_one_container_does_a_whole_backup(talk):
    """The crawl, every slice and the seal; no second session is asked for."""
    talk.begin("b", streams=1, **FED)
    (session,), _ = run(talk, 1)
    asked = talk.cut("b", 20)
    for number in [*range(21), "close"]:
        asked += talk.done(f"b:{number}")
    assert talk.state("b") is RunState.SUCCEEDED
    assert AskCapacity() not in asked
    assert talk.disk.sessions_ever == {session.session_id}


def test_r90_the_number_of_sessions_stays_the_same(talk, crawled):
    crawled("b", 40, streams=4)
    sessions, _ = run(talk, 4)
    for number in range(1, 37):
        talk.done(f"b:{number}")
        assert len(talk.orchestrator.sessions_alive()) == 4
    assert {s.session_id for s in sessions} == set(talk.orchestrator.sessions_alive())


def test_r91_a_container_is_fed_from_another_assets_queue(talk, crawled):
    crawled("a", 9, streams=1)
    (session,), _ = run(talk, 1)
    talk.begin("b", streams=1, **FED)
    talk.now += 1.0
    assert fed(talk.done("a:1")) == [("a", 2)], "neither has a stream now, and a waits longer"
    assert fed(talk.done("a:2")) == [("b", 0)]
    assert holds(talk, session) == ["b:0"]


def test_r91_not_from_a_queue_of_another_repository(talk, crawled):
    crawled("a", 1, streams=1)
    run(talk, 1)
    talk.begin("b", streams=1, repository="/other", **FED)
    assert ("b", 0) not in fed(talk.done("a:1"))


def test_r91_the_run_that_a_session_was_made_for_may_be_over(talk):
    talk.begin("a", streams=1, **FED)
    (session,), _ = run(talk, 1)
    talk.begin("b", streams=1, **FED)
    talk.cut("a", 1)
    for name in ("a:0", "b:0", "a:1", "a:close"):
        if name == "b:0":
            talk.cut("b", 3)
        talk.done(name)
    assert talk.state("a") is RunState.SUCCEEDED
    assert talk.state("b") is RunState.RUNNING
    assert holds(talk, session)
    for name in ("b:1", "b:2", "b:3", "b:close"):
        talk.done(name)
    assert talk.state("b") is RunState.SUCCEEDED


def test_r54_an_asset_has_no_more_streams_than_its_setting_however_it_is_fed(talk, crawled):
    talk.begin("a", streams=1, **FED)
    crawled("a b", 9, streams=3)
    run(talk, 4)
    assert len(talk.orchestrator.state.lives["a"].streams) == 1
    asked = talk.done("b:1") + talk.done("b:2")
    assert {run_id for run_id, _ in fed(asked)} == {"b"}


def test_r96_the_next_slice_is_there_before_a_short_one_ends(talk, crawled):
    """As many as take a quarter of a second, and one behind any that takes less than five."""
    crawled("b", 100, seconds=0.1, streams=1)
    (session,), asked = run(talk, 1)
    assert fed(asked) == [("b", 2), ("b", 3)]
    assert fed(talk.done("b:1") + talk.done("b:2")) == [("b", 4), ("b", 5)]
    assert holds(talk, session) == ["b:3", "b:4", "b:5"]


def test_r96_nothing_waits_behind_a_long_one(talk, crawled):
    crawled("b", 100, seconds=5.0, streams=1)
    (session,), asked = run(talk, 1)
    assert fed(asked) == []
    assert holds(talk, session) == ["b:1"]


def test_r96_nothing_is_held_ahead_that_another_stream_could_do(talk, crawled):
    crawled("b", 4, seconds=0.1, streams=3)
    sessions, asked = run(talk, 3)
    assert fed(asked) == []
    assert [holds(talk, session) for session in sessions] == [["b:1"], ["b:2"], ["b:3"]]


def test_r34_no_more_is_held_than_n(talk, crawled):
    crawled("b", 100, seconds=0.001, streams=1, slices_per_session=3)
    (session,), _ = run(talk, 1)
    assert len(holds(talk, session)) == 3


def test_r92_the_three_methods_run_side_by_side(talk):
    for method in (Method.BATCH, Method.PER_SLICE, Method.CONTINUOUS):
        talk.begin(method.value, method=method, streams=2, slices_per_session=4)
    talk.crawl("batch per_slice continuous", 16)
    talk.finish(6)
    states = {talk.state(method.value) for method in Method if method is not Method.AUTO}
    assert states == {RunState.SUCCEEDED}


def test_longest_first_takes_the_slices_by_what_they_are_predicted_to_take(talk, crawled):
    talk.begin("b", streams=1, order=SliceOrder.LONGEST_FIRST, **FED)
    run(talk, 1)
    for past_ms in (5_000, 7_000, 6_000):
        talk.cut("b", 1, end=False, past_ms=past_ms)
    assert talk.queue("b") == [2, 3, 1]
    assert fed(talk.failed("b:0", Failure.TRANSIENT)) == [("b", 2)]
    talk.pass_time(5.0)
    assert talk.queue("b") == [3, 1, 0], "what is put back goes to the end all the same"
