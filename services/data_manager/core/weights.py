"""How much room slices take in the messages that carry them."""

from data_manager.core.kinds import BODIES
from data_manager.core.live import Live

# What a session is given travels in one message of at most 1 MiB.
SESSION_BYTES = 800 << 10
SLICE_BYTES = 600
# A slice with the longest paths.
SLICE_BYTES_MOST = SLICE_BYTES + 6 * 4096


def weight(live: Live, slice_id: str) -> int:
    """About the bytes that a slice takes in a message; an opening or closing is alone."""
    slice_ = live.slices[slice_id]
    if slice_.kind not in BODIES or slice_.span is None:
        return SESSION_BYTES
    span, request = slice_.span, live.run.request
    stop = len(span.stop.path) if span.stop else 0
    paths = len(request.source) * 2 + len(request.target) + len(request.include)
    return SLICE_BYTES + paths + len(span.start.path) + stop
