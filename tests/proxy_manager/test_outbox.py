"""What is kept for a data manager, under any order of streams, deliveries and acknowledgements."""

from hypothesis import given
from hypothesis import strategies as st

from proxy_manager.core.model import Outcome
from proxy_manager.core.outbox import Outbox

ACTIONS = st.lists(
    st.one_of(
        st.just(("put", 0)),
        st.just(("begin", 0)),
        st.tuples(st.just("take"), st.integers(1, 4)),
        st.tuples(st.just("acknowledge"), st.integers(0, 12)),
    ),
    max_size=60,
)


@given(ACTIONS)
def test_d6_every_outcome_is_sent_in_order_until_it_is_acknowledged(actions):
    outbox, put, sent, committed = Outbox(), 0, [], 0
    for action, value in actions:
        if action == "put":
            put += 1
            outbox.put(Outcome("s", put, None, size_bytes=10))
        elif action == "begin":
            outbox.begin()
            sent = []
        elif action == "take":
            taken = outbox.take(value, 25)
            assert len(taken) <= 2
            sent.extend(taken)
        else:
            told = [outcome.number for number, outcome in sent if number <= value]
            reached = outbox.acknowledge(value)
            assert reached.get("s", committed) == max([committed, *told])
            committed = max([committed, *told])
        assert [number for number, _ in sent] == list(range(1, len(sent) + 1))
        if sent:
            first = sent[0][1].number
            assert [o.number for _, o in sent] == list(range(first, first + len(sent)))
        assert len(outbox) == put - committed


def test_one_outcome_above_the_size_goes_alone():
    outbox = Outbox()
    for number in (1, 2):
        outbox.put(Outcome("s", number, None, size_bytes=100))
    assert [outcome.number for _, outcome in outbox.take(10, 50)] == [1]
    assert [outcome.number for _, outcome in outbox.take(10, 50)] == [2]
