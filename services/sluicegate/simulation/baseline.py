"""What there was before: sessions fixed at the beginning, in waves that wait for their last.

Nothing of Sluicegate decides here; it is what the methods are measured against.
"""

from collections.abc import Sequence


def traditional(
    seconds: Sequence[float], streams: int, slices_per_session: int, start_seconds: float = 0.0
) -> float:
    """How long slices of so many seconds take in all.

    They are dealt out to sessions in their order; as many sessions as there are streams begin
    together, and the next ones when the last of them has ended.
    """
    sessions = [
        start_seconds + sum(seconds[first : first + slices_per_session])
        for first in range(0, len(seconds), slices_per_session)
    ]
    waves = [sessions[first : first + streams] for first in range(0, len(sessions), streams)]
    return sum(max(wave) for wave in waves)


def lower_bound(seconds: Sequence[float], streams: int) -> float:
    """No method is faster: all work on all streams, or the longest slice alone."""
    return max(sum(seconds) / streams, max(seconds)) if seconds else 0.0
