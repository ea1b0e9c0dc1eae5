"""Outcomes are kept until they are committed, and sent in messages that fit."""

from container_agent.session.outbox import AGAIN_SECONDS, BATCH_BYTES, BATCH_OUTCOMES, Outbox
from sluicegate.v1 import outcome_pb2


def end(message: str = "") -> outcome_pb2.SliceEnd:
    return outcome_pb2.SliceEnd(slice_id="r:1", attempt=1, message=message)


def numbers(batches) -> list[list[int]]:
    return [[outcome.outcome_number for outcome in batch] for batch in batches]


def test_outcomes_are_numbered_from_one_and_sent_once():
    outbox = Outbox("s")
    outbox.add(end())
    outbox.add(outcome_pb2.CutsMade(slice_id="r:0", attempt=1))
    assert numbers(outbox.due(0.0)) == [[1, 2]]
    outbox.add(end())
    assert numbers(outbox.due(1.0)) == [[3]]
    assert numbers(outbox.due(2.0)) == []


def test_what_is_acknowledged_is_forgotten_and_the_rest_is_kept():
    outbox = Outbox("s")
    for _ in range(3):
        outbox.add(end())
    list(outbox.due(0.0))
    outbox.acknowledge(2, 1.0)
    assert len(outbox) == 1
    outbox.acknowledge(3, 1.0)
    assert len(outbox) == 0
    assert numbers(outbox.due(100.0)) == []


def test_what_nobody_acknowledges_is_sent_again():
    outbox = Outbox("s")
    outbox.add(end())
    outbox.add(end())
    assert numbers(outbox.due(0.0)) == [[1, 2]]
    outbox.acknowledge(1, 1.0)
    assert numbers(outbox.due(AGAIN_SECONDS)) == []
    assert numbers(outbox.due(1.0 + AGAIN_SECONDS)) == [[2]]
    assert numbers(outbox.due(1.5 + AGAIN_SECONDS)) == []


def test_a_batch_is_bounded_in_number_and_size():
    outbox = Outbox("s")
    for _ in range(BATCH_OUTCOMES + 1):
        outbox.add(end())
    assert [len(batch) for batch in outbox.due(0.0)] == [BATCH_OUTCOMES, 1]
    outbox = Outbox("s")
    for _ in range(5):
        outbox.add(end("x" * (BATCH_BYTES // 2 - 100)))
    assert [len(batch) for batch in outbox.due(0.0)] == [2, 2, 1]
