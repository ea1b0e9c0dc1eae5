"""What a session said and nobody has committed yet."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from sluicegate.v1 import outcome_pb2

# A session that is further ahead than this is not read from until some are committed.
KEPT_MAX = 1024
BATCH_OUTCOMES = 256
BATCH_BYTES = 512 << 10


class Relay:
    """The outcomes of one session, in order, kept until acknowledged.

    They outlive the session: its end is the last of them.
    """

    def __init__(self) -> None:
        self.last_number = 0
        self.acknowledged = 0
        self._kept: deque[outcome_pb2.Outcome] = deque()

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[outcome_pb2.Outcome]:
        return iter(self._kept)

    @property
    def full(self) -> bool:
        """Whether the session is to wait."""
        return len(self._kept) >= KEPT_MAX

    def resume(self, through_number: int) -> None:
        """Begins after what was committed before this process was."""
        self.last_number = self.acknowledged = through_number

    def keep(self, outcomes: Sequence[outcome_pb2.Outcome]) -> list[outcome_pb2.Outcome]:
        """Keeps those that are new, and returns them. A session may send one again."""
        new = [outcome for outcome in outcomes if outcome.outcome_number > self.last_number]
        if new:
            self._kept.extend(new)
            self.last_number = new[-1].outcome_number
        return new

    def acknowledge(self, through_number: int) -> None:
        """Drops what is committed."""
        self.acknowledged = max(self.acknowledged, through_number)
        while self._kept and self._kept[0].outcome_number <= through_number:
            self._kept.popleft()


def batches(outcomes: Iterable[outcome_pb2.Outcome]) -> Iterator[list[outcome_pb2.Outcome]]:
    """Outcomes in batches that each fit into a message."""
    batch: list[outcome_pb2.Outcome] = []
    size = 0
    for outcome in outcomes:
        size += outcome.ByteSize()
        if batch and (len(batch) == BATCH_OUTCOMES or size > BATCH_BYTES):
            yield batch
            batch, size = [], outcome.ByteSize()
        batch.append(outcome)
    if batch:
        yield batch
