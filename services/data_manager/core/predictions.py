"""How long slices will take, and whether a session for each is worth it."""

from data_manager.core.model import Cut
from data_manager.core.options import Method

# What a slice takes when nothing is known but its size: about what one stream does from a NAS.
MS_PER_MIB = 10.0
MS_PER_FILE = 0.2
MS_PER_SLICE = 5.0
# How much of an average is the latest measure.
LATEST = 0.2
START_SECONDS = 1.0
# A session of its own for each slice costs its start. From here on that is 2 % at most, and a
# crash, or memory that is not given back, is one slice's matter.
WORTH_A_SESSION = 50.0
# What a fed session has before it: enough that it finds the next slice when one ends, little
# enough that no slice waits behind a long one.
AHEAD_SECONDS = 0.25
ONE_AHEAD_SECONDS = 5.0


def predicted_ms(cut: Cut) -> int:
    """How long a cut's slice will take: what it took last, or what its size says; at least 1."""
    if cut.past_ms is not None:
        return max(1, cut.past_ms)
    by_size = cut.bytes / (1 << 20) * MS_PER_MIB + cut.files * MS_PER_FILE
    return max(1, round(MS_PER_SLICE + by_size))


def smoothed(average: float | None, latest: float) -> float:
    """An average that follows the latest measures."""
    return latest if average is None else average + LATEST * (latest - average)


def effective(method: Method, slice_seconds: float | None, start_seconds: float | None) -> Method:
    """What `auto` is now: a session for each slice where slices take 50 times as long as sessions
    to start; else, and while nothing is measured, sessions that are fed."""
    if method is not Method.AUTO:
        return method
    start = START_SECONDS if start_seconds is None else start_seconds
    if slice_seconds is not None and slice_seconds >= WORTH_A_SESSION * start:
        return Method.PER_SLICE
    return Method.CONTINUOUS


def enough_ahead(held: int, held_seconds: float) -> bool:
    """True when a fed session that holds so many slices needs no more for now."""
    if held == 0:
        return False
    if held == 1:
        return held_seconds >= ONE_AHEAD_SECONDS
    return held_seconds >= AHEAD_SECONDS
