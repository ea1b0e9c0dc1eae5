"""What a session has to say and what of it is not committed yet."""

from collections import deque
from collections.abc import Iterator

from sluicegate.v1 import outcome_pb2

BATCH_OUTCOMES = 256
# A message may have 1 MiB; one outcome is kept below half of that.
BATCH_BYTES = 512 << 10
AGAIN_SECONDS = 5.0
# What becomes an outcome.
Said = outcome_pb2.CutsMade | outcome_pb2.VerdictsMade | outcome_pb2.SliceEnd


class Outbox:
    """Outcomes, numbered from 1, each kept until it is acknowledged.

    What is sent and not acknowledged for a while is due again: whoever relays it may have been
    started anew in between. Twice is once for him who commits, by the number.
    """

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._kept: deque[outcome_pb2.Outcome] = deque()
        self.last_number = 0
        self._sent_number = 0
        self._again_time = 0.0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def acknowledged_number(self) -> int:
        """Everything up to this number is committed."""
        return self.last_number - len(self._kept)

    def add(self, event: Said) -> None:
        """Something happened."""
        self.last_number += 1
        outcome = outcome_pb2.Outcome(session_id=self._session_id, outcome_number=self.last_number)
        match event:
            case outcome_pb2.CutsMade():
                outcome.cuts_made.CopyFrom(event)
            case outcome_pb2.VerdictsMade():
                outcome.verdicts_made.CopyFrom(event)
            case _:
                outcome.slice_end.CopyFrom(event)
        self._kept.append(outcome)

    def acknowledge(self, through_number: int, now: float) -> None:
        """Everything up to that number is committed."""
        while self._kept and self._kept[0].outcome_number <= through_number:
            self._kept.popleft()
            self._again_time = now + AGAIN_SECONDS

    def say_again(self) -> None:
        """All that is not acknowledged is due anew."""
        self._sent_number = 0

    def due(self, now: float) -> Iterator[list[outcome_pb2.Outcome]]:
        """What is to be sent now, in batches that fit into a message each."""
        if self._kept and self._sent_number and now >= self._again_time:
            self._sent_number = 0
        batch: list[outcome_pb2.Outcome] = []
        size = 0
        for outcome in [kept for kept in self._kept if kept.outcome_number > self._sent_number]:
            if batch and (len(batch) == BATCH_OUTCOMES or size + outcome.ByteSize() > BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(outcome)
            size += outcome.ByteSize()
            self._sent_number = outcome.outcome_number
            self._again_time = now + AGAIN_SECONDS
        if batch:
            yield batch
