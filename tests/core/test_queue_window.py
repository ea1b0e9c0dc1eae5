"""A queue of which only a window is at hand gives the same order as one that is wholly here."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from data_manager.core import events
from data_manager.core.model import Failure, RunState, SliceState
from data_manager.core.options import Method, SliceOrder
from data_manager.core.queues import Key, Queue

few = st.integers(0, 30)


class Windowed(RuleBasedStateMachine):
    """A queue beside its database and beside one without a window, under any puts and takes.

    The database is read at any time between the asking and the answer, as it really is.
    """

    @initialize(window=st.integers(1, 6))
    def begin(self, window: int) -> None:
        self.window = window
        self.queue = Queue(window)
        self.whole: dict[str, Key] = {}
        self.later: set[str] = set()
        self.turns = 0
        self.made = 0
        self.asked: tuple[Key | None, int] | None = None
        self.part: list[Key] | None = None
        self.out: list[str] = []

    def rows(self) -> list[Key]:
        """What the database has: also those that wait for a time, who are queued there."""
        return sorted(self.whole.values())

    def put(self, slice_id: str, turn: int, number: int) -> None:
        key = Key(turn, number, slice_id)
        self.whole[slice_id] = key
        self.queue.put(key)
        self.queue.shorten()

    def next_turn(self) -> int:
        self.turns += 1
        return self.turns

    @rule(count=st.integers(1, 9), seconds=st.none() | few)
    def new(self, count: int, seconds: int | None) -> None:
        """Cuts: in order, or some before others by what they are predicted to take."""
        for _ in range(count):
            self.made += 1
            turn = self.next_turn() if seconds is None else -seconds
            self.put(str(self.made), turn, self.made)

    @rule(most=st.integers(1, 4))
    def take(self, most: int) -> None:
        """Whatever is taken is the first of all."""
        taken = self.queue.take(most, lambda _: 1, 1_000)
        front = [key for key in self.rows() if key.slice_id not in self.later]
        assert list(taken) == [key.slice_id for key in front[: len(taken)]]
        for slice_id in taken:
            del self.whole[slice_id]
        self.out += taken

    @precondition(lambda self: self.out)
    @rule(which=few)
    def put_back(self, which: int) -> None:
        slice_id = self.out.pop(which % len(self.out))
        self.put(slice_id, self.next_turn(), int(slice_id))

    @precondition(lambda self: self.out)
    @rule(which=few)
    def put_later(self, which: int) -> None:
        slice_id = self.out.pop(which % len(self.out))
        self.whole[slice_id] = Key(self.next_turn(), int(slice_id), slice_id)
        self.later.add(slice_id)
        self.queue.put_later(slice_id)

    @precondition(lambda self: self.later)
    @rule(which=few)
    def wake(self, which: int) -> None:
        slice_id = sorted(self.later)[which % len(self.later)]
        self.later.discard(slice_id)
        assert self.queue.waits(slice_id)
        self.put(slice_id, self.next_turn(), int(slice_id))

    @precondition(lambda self: self.queue.wants_loading())
    @rule()
    def ask(self) -> None:
        self.asked = self.queue.begin_loading()

    @precondition(lambda self: self.asked and self.part is None)
    @rule()
    def read(self) -> None:
        after, most = self.asked
        self.part = [key for key in self.rows() if after is None or key > after][:most]

    @precondition(lambda self: self.part is not None)
    @rule()
    def load(self) -> None:
        _, most = self.asked
        self.queue.loaded(self.part, all_of_them=len(self.part) < most)
        self.asked = self.part = None

    @rule()
    def restart(self) -> None:
        """All lies in the database, and nothing waits for a time any more."""
        self.queue = Queue(self.window)
        self.queue.found(len(self.whole))
        self.later.clear()
        self.asked = self.part = None

    @invariant()
    def as_many_wait_here_as_there(self) -> None:
        if hasattr(self, "queue"):
            assert len(self.queue) == len(self.whole)
            assert len(self.queue.ids()) == len(set(self.queue.ids()))

    def teardown(self) -> None:
        """In the end all come out, each once, in the order of their turns."""
        if not hasattr(self, "queue"):
            return
        while self.later:
            self.wake(0)
        order = [key.slice_id for key in self.rows()]
        taken: list[str] = []
        for _ in range(2 * len(order) + 2):
            taken += self.queue.take(1, lambda _: 1, 1)
            if self.asked is None and self.queue.wants_loading():
                self.ask()
            if self.asked and self.part is None:
                self.read()
            if self.part is not None:
                self.load()
        assert taken == order


def test_a_windowed_queue_gives_the_order_of_one_without_a_window():
    run_state_machine_as_test(
        Windowed, settings=settings(max_examples=300, stateful_step_count=40, deadline=None)
    )


def test_memory_holds_a_window_of_each_queue_and_what_is_in_flight(conversations):
    """A thousand slices, of which a hundred at most are here."""
    talk = conversations(window=40)
    talk.begin("b", streams=4, slices_per_session=5)
    [crawl] = talk.capacity(1)
    talk.grant([crawl])
    for _ in range(49):
        talk.cut("b", 20, end=False)
        assert len(talk.orchestrator.state.lives["b"].slices) <= 100
    talk.cut("b", 20)
    talk.work(crawl)
    done: list[int] = []
    while len(done) < 1_000:
        sessions = talk.capacity(4)
        talk.grant(sessions)
        for session in sessions:
            done += talk.numbers(session)
            talk.work(session)
            assert len(talk.orchestrator.state.lives["b"].slices) <= 100
    assert done == list(range(1, 1_001))
    talk.finish(1)
    assert talk.state("b") is RunState.SUCCEEDED


def test_longest_first_holds_over_the_whole_queue(conversations):
    talk = conversations(window=4)
    talk.begin("b", streams=1, method=Method.PER_SLICE, order=SliceOrder.LONGEST_FIRST)
    [crawl] = talk.capacity(1)
    talk.grant([crawl])
    past = [(number * 37 % 101 + 1) * 1000 for number in range(60)]
    for number, past_ms in enumerate(past):
        talk.cut("b", 1, end=number == 59, past_ms=past_ms)
    talk.work(crawl)
    order: list[int] = []
    while len(order) < 60:
        [session] = talk.capacity(1)
        talk.grant([session])
        order += talk.numbers(session)
        talk.work(session)
    assert order == sorted(range(1, 61), key=lambda number: (-past[number - 1], number))


def test_a_restart_finds_every_slice_of_a_long_queue(conversations):
    talk = conversations(window=4)
    talk.begin("b", streams=2, slices_per_session=3)
    [crawl] = talk.capacity(1)
    talk.grant([crawl])
    talk.cut("b", 50)
    talk.work(crawl)
    sessions = talk.capacity(2)
    talk.answer(sessions, sessions[:1])
    talk.restart()
    assert talk.tally("b")[SliceState.QUEUED] == len(talk.orchestrator.state.lives["b"].queue)
    talk.finish(2)
    assert talk.tally("b") == {SliceState.DONE: 52}


def test_a_cancel_cancels_also_what_is_not_at_hand(conversations):
    talk = conversations(window=4)
    talk.begin("b", streams=1)
    [crawl] = talk.capacity(1)
    talk.grant([crawl])
    talk.cut("b", 50)
    talk.tell(events.CancelAsked("b"))
    talk.ended(crawl.session_id)
    assert talk.tally("b") == {SliceState.CANCELLED: 51}
    assert talk.state("b") is RunState.CANCELLED


def test_what_is_put_back_after_a_restart_comes_after_what_is_new_and_longest_first(conversations):
    """The turns of new slices are below 0 then, also the last of them."""
    talk = conversations()
    talk.begin("b", streams=2, order=SliceOrder.LONGEST_FIRST, slices_per_session=1)
    [crawl] = talk.capacity(1)
    talk.grant([crawl])
    talk.cut("b", 3, end=False, past_ms=9_000)
    talk.grant(talk.capacity(1))
    talk.restart()
    talk.failed("b:1", Failure.CANCELLED)
    talk.pass_time(5.0)
    talk.cut("b", 1, past_ms=100)
    assert talk.queue("b") == [2, 3, 4, 1]
