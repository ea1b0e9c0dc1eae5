"""The sizes of sessions by the method of figures 4.1 to 4.3."""

from data_manager.core.live import Live
from data_manager.core.weights import SESSION_BYTES, weight, weight_most


def session_sizes(slices: int, sessions: int, slices_per_session: int, running: int) -> list[int]:
    """How many slices each session gets: full ones while there are enough, else spread evenly.

    What is spread is left in part for the streams of the run that are busy now, so that none of
    them finds the queue empty while another has several slices before it (R96).
    """
    share = min(slices_per_session, -(-slices // (sessions + running)))
    least, more = divmod(min(slices, sessions * share), sessions)
    return [least + (number < more) for number in range(sessions)]


def deal(live: Live, sizes: list[int]) -> list[tuple[str, ...]]:
    """Slices from the front of a queue for sessions of these sizes, one to each in its turn."""
    hands: list[list[str]] = [[] for _ in sizes]
    weights = [0] * len(sizes)
    room = SESSION_BYTES - weight_most(live)
    for turn in range(max(sizes, default=0)):
        for number, size in enumerate(sizes):
            if turn < size and weights[number] <= room:
                for slice_id in live.queue.take(1, lambda _: 0, 0):
                    weights[number] += weight(live, slice_id)
                    hands[number].append(slice_id)
    return [tuple(hand) for hand in hands if hand]
