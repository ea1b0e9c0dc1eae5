"""The method auto: measured slice time against measured time to start a session."""

from data_manager.core import events
from data_manager.core.effects import Drain
from data_manager.core.model import RunState, Session
from data_manager.core.options import Method
from data_manager.core.predictions import START_SECONDS, WORTH_A_SESSION, effective


def start(talk, count: int, seconds: float) -> list[Session]:
    """So many sessions, which take so long to start."""
    sessions = talk.capacity(count)
    talk.now += seconds
    talk.grant(sessions)
    for session in sessions:
        talk.tell(events.Initiated(session.session_id))
    return sessions


def crawled(talk, count: int, *, start_seconds: float, **options: object) -> None:
    """A backup by this method whose crawl is over; a session takes so long to start."""
    talk.begin("b", method=Method.AUTO, **options)
    [crawl] = start(talk, 1, start_seconds)
    talk.cut("b", count, past_ms=60_000)
    talk.tell(events.SessionEnded(crawl.session_id))
    talk.pass_time(5.0)


def test_the_other_methods_are_what_they_are():
    for method in (Method.BATCH, Method.PER_SLICE, Method.CONTINUOUS):
        assert effective(method, 0.001, 1_000.0) is method
        assert effective(method, 1_000.0, 0.001) is method


def test_a_session_for_each_slice_where_starts_cost_two_percent_at_most():
    assert effective(Method.AUTO, 50.0, 1.0) is Method.PER_SLICE
    assert effective(Method.AUTO, 49.9, 1.0) is Method.CONTINUOUS
    assert effective(Method.AUTO, 49.9, 0.5) is Method.PER_SLICE


def test_while_nothing_is_measured_sessions_are_fed():
    assert effective(Method.AUTO, None, None) is Method.CONTINUOUS
    assert effective(Method.AUTO, None, 0.001) is Method.CONTINUOUS


def test_while_no_start_is_measured_it_is_taken_to_be_a_second():
    assert effective(Method.AUTO, WORTH_A_SESSION * START_SECONDS, None) is Method.PER_SLICE


def test_a_run_begins_with_sessions_that_are_fed(talk):
    crawled(talk, 9, start_seconds=1.0, streams=2)
    assert [session.method for session in start(talk, 2, 1.0)] == [Method.CONTINUOUS] * 2


def test_it_goes_over_to_a_session_for_each_when_slices_take_long(talk):
    """The sessions that are fed are let go; what follows has one slice each."""
    crawled(talk, 9, start_seconds=1.0, streams=1)
    [session] = start(talk, 1, 1.0)
    asked = talk.done("b:1", took_ms=60_000)
    assert Drain(session.session_id) in asked
    talk.ended(session.session_id)
    [next_one] = talk.capacity(1)
    assert (next_one.method, talk.numbers(next_one)) == (Method.PER_SLICE, [2])


def test_it_goes_back_when_slices_become_short(talk):
    crawled(talk, 30, start_seconds=1.0, streams=1)
    [session] = start(talk, 1, 1.0)
    talk.done("b:1", took_ms=60_000)
    talk.ended(session.session_id)
    methods = []
    for number in range(2, 6):
        [session] = start(talk, 1, 1.0)
        methods.append(session.method)
        if session.method is Method.CONTINUOUS:
            break
        talk.done(f"b:{number}", took_ms=100)
        talk.ended(session.session_id)
    assert methods == [Method.PER_SLICE, Method.CONTINUOUS]


def test_each_run_is_measured_for_itself(talk):
    crawled(talk, 9, start_seconds=1.0, streams=1)
    start(talk, 1, 1.0)
    talk.done("b:1", took_ms=60_000)
    state = talk.orchestrator.state
    talk.begin("c", method=Method.AUTO)
    assert state.method(state.lives["b"]) is Method.PER_SLICE
    assert state.method(state.lives["c"]) is Method.CONTINUOUS


def test_a_run_ends_by_whatever_methods_it_had(talk):
    crawled(talk, 30, start_seconds=1.0, streams=3)
    sessions = start(talk, 3, 1.0)
    for number, session in enumerate(sessions, 1):
        talk.done(f"b:{number}", took_ms=60_000)
        talk.ended(session.session_id)
    talk.finish(3)
    assert talk.state("b") is RunState.SUCCEEDED
