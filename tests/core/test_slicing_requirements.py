"""The requirements of figure 4.1, which all methods share, each by its number."""

from data_manager.core import events
from data_manager.core.effects import AskCapacity
from data_manager.core.model import Failure, SliceState


def test_r11_the_queue_survives_a_restart(talk):
    talk.crawled("b", 80, streams=5)
    sessions = talk.capacity(5)
    talk.answer(sessions, sessions[:4])
    before = talk.queue("b")
    talk.restart()
    assert talk.queue("b") == before
    assert before[-8:] == talk.numbers(sessions[4])


def test_r12_a_lost_session_puts_its_slices_back(talk):
    talk.crawled("b", 10, streams=1)
    [session] = talk.capacity(1)
    talk.grant([session])
    talk.done("b:1")
    talk.ended(session.session_id, Failure.SESSION_LOST)
    assert sorted(talk.queue("b")) == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert talk.tally("b")[SliceState.DONE] == 2, "the crawl and slice 1"


def test_r13_a_request_names_one_asset(talk):
    assert talk.begin("b") == [AskCapacity()]
    assert talk.disk.runs["b"].request.asset_id == "b"
    assert talk.queue("b") == [0]


def test_r18_slices_are_disjoint_and_their_union_is_the_whole(talk):
    talk.begin("b", streams=2)
    [crawl] = talk.capacity(1)
    talk.grant([crawl])
    talk.cut("b", 3, end=False)
    talk.cut("b", 3)
    spans = [talk.slice(f"b:{number}").span for number in range(1, 7)]
    assert spans[0].start.path == b""
    assert [span.stop for span in spans[:-1]] == [span.start for span in spans[1:]]
    assert spans[-1].stop is None


def test_r18_cuts_that_leave_a_gap_are_not_taken(talk):
    talk.begin("b")
    [crawl] = talk.capacity(1)
    talk.grant([crawl])
    talk.cut("b", 2, end=False)
    opening = talk.slice("b:0")
    gap = talk.orchestrator.state.lives["b"].slices["b:1"].span
    cut = events.Cut(gap, 1, 1)
    talk.tell(events.CutsMade(crawl.session_id, "b:0", opening.attempt, 1, (cut,), b""))
    assert talk.disk.runs["b"].bodies == 2
    assert talk.slice("b:0").state is SliceState.QUEUED


def test_r18_a_crawl_that_says_it_is_done_too_early_is_done_again(talk):
    talk.begin("b")
    [crawl] = talk.capacity(1)
    talk.grant([crawl])
    talk.cut("b", 2, end=False)
    talk.done("b:0")
    assert talk.slice("b:0").state is SliceState.QUEUED


def test_r19_every_slice_has_an_id_of_its_own(talk):
    talk.crawled("a b", 3)
    assert len(set(talk.disk.slices)) == 2 * (1 + 3)


def test_r20_the_size_of_slices_is_the_users(talk):
    talk.begin("b", slice_bytes=1 << 20, slice_files=10)
    assert talk.disk.runs["b"].request.options.slice_bytes == 1 << 20


def test_r21_a_queue_per_asset_holds_all_its_slices(talk):
    talk.crawled("a b", 5)
    assert talk.queue("a") == talk.queue("b") == [1, 2, 3, 4, 5]


def test_r22_copying_starts_while_the_crawl_goes_on(talk):
    talk.begin("b", streams=2)
    [crawl] = talk.capacity(1)
    talk.grant([crawl])
    assert talk.cut("b", 1, end=False) == [AskCapacity()]
    [copying] = talk.capacity(1)
    talk.grant([copying])
    assert talk.slice("b:0").state is SliceState.RUNNING
    assert talk.slice("b:1").state is SliceState.RUNNING


def test_r23_only_a_populated_queue_is_selected(talk):
    talk.begin("empty", streams=9)
    [crawl] = talk.capacity(1)
    assert AskCapacity() not in talk.grant([crawl])
    talk.begin("b")
    [opening] = talk.capacity(5)
    assert opening.run_id == "b"
