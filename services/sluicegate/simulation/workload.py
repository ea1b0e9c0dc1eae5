"""What there is to do in a simulated world: runs, their slices, and how long each takes."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, log
from random import Random

from data_manager.core.kinds import BODIES, OPENING_NUMBER, closes
from data_manager.core.model import Cut, Position, Request, Slice, Span

# A slice's size is its time at this speed, so that what is predicted from sizes is true.
BYTES_PER_SECOND = 100 << 20


@dataclass(frozen=True)
class RunPlan:
    """A run that will be asked for: `seconds` has one figure for each body slice.

    Cuts are told in batches while the opening goes on. `cancel_time` is when its user tires of it.
    """

    run_id: str
    request: Request
    seconds: tuple[float, ...] = ()
    begin_time: float = 0.0
    opening_seconds: float = 0.1
    closing_seconds: float = 0.1
    cuts_per_batch: int = 100
    cancel_time: float | None = None

    @property
    def total_seconds(self) -> float:
        """All of its work, one after the other."""
        return self.opening_seconds + sum(self.seconds) + self.closing_seconds

    def seconds_of(self, slice_: Slice) -> float:
        """How long a slice takes."""
        if slice_.number == OPENING_NUMBER:
            return self.opening_seconds
        if closes(slice_.number):
            return self.closing_seconds
        return self.seconds[slice_.number - 1]

    def batches(self, cut_through: Position | None) -> Iterator[tuple[Cut, ...]]:
        """The cuts from a place on, batch after batch."""
        done = len(self.seconds) if cut_through is None else int(cut_through.path or b"0")
        for first in range(done, len(self.seconds), self.cuts_per_batch):
            last = min(first + self.cuts_per_batch, len(self.seconds))
            yield tuple(self._cut(number) for number in range(first, last))

    def _cut(self, number: int) -> Cut:
        stop = None if number + 1 == len(self.seconds) else _position(number + 1)
        size = int(self.seconds[number] * BYTES_PER_SECOND)
        return Cut(Span(_position(number), stop), size, 1)


def lognormal(random: Random, mean: float, sigma: float) -> float:
    """A time that is never negative, by its mean; sigma 0 is always the mean."""
    return exp(random.gauss(log(mean) - sigma * sigma / 2, sigma)) if sigma else mean


def result_id(slice_: Slice) -> bytes:
    """What an attempt of a slice results in, so that it can be known again."""
    if slice_.kind in BODIES or closes(slice_.number):
        return f"{slice_.slice_id}#{slice_.attempt}".encode()
    return SNAPSHOT


SNAPSHOT = b"\7" * 32


def _position(number: int) -> Position:
    return Position(b"%08d" % number if number else b"")
