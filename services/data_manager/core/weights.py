"""How much room slices take in the messages that carry them."""

from data_manager.core.kinds import BODIES
from data_manager.core.live import Live

# What a session is given travels in one message of at most 1 MiB.
SESSION_BYTES = 800 << 10
SLICE_BYTES = 600
PATH_BYTES_MAX = 4096


def weight(live: Live, slice_id: str) -> int:
    """About the bytes that a slice takes in a message; an opening or closing is alone."""
    slice_ = live.slices[slice_id]
    if slice_.kind not in BODIES or slice_.span is None:
        return SESSION_BYTES
    span, request = slice_.span, live.run.request
    stop = len(span.stop.path) if span.stop else 0
    paths = len(request.source) * 2 + len(request.target) + len(request.include)
    return SLICE_BYTES + paths + len(span.start.path) + stop + _rules(live)


def weight_most(live: Live) -> int:
    """What no slice of a run exceeds: all its paths are the longest."""
    return SLICE_BYTES + 6 * PATH_BYTES_MAX + _rules(live)


def _rules(live: Live) -> int:
    """The bytes of what each slice of a run is told beside its span."""
    return len(live.run.request.excludes) + len(live.run.request.read_policy)
