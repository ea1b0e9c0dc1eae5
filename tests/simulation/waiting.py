"""How long each slice of a simulated world waited at the front of its queue."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import ceil

from sluicegate.simulation.drawing import Bar

# Reserve, start and the commits between.
OVERHEAD_SECONDS = 2.0


def fair_bound(assets: int, streams: int, held_seconds: float) -> float:
    """What DESIGN.md promises under `fair`, when sessions hold what they are given for so long."""
    return (1 + ceil(assets / streams)) * (held_seconds + OVERHEAD_SECONDS)


def waits(bars: Sequence[Bar], fed: bool) -> dict[str, float]:
    """How long each slice that a session began with, or was fed, was the next of its run.

    A run waits from when it has slices, or from its last grant, until its next. What a session
    has behind its first slice, unless it is fed, was granted with that.
    """
    found: defaultdict[str, list[Bar]] = defaultdict(list)
    for bar in sorted(bars, key=lambda bar: (bar.start, bar.slice.number)):
        found[bar.slice.run_id].append(bar)
    return {
        bar.slice.slice_id: bar.start - since
        for of_run in found.values()
        for bar, since in _granted(of_run, fed)
    }


def _granted(bars: Sequence[Bar], fed: bool) -> Iterator[tuple[Bar, float]]:
    """What was granted to a run, each with when it began to wait for that."""
    opening, *bodies, closing = bars
    assert opening.slice.number == 0 and closing.slice.number < 0
    yield opening, 0.0
    since, begun = opening.stop, set()
    for bar in bodies:
        if fed or bar.session_id not in begun:
            yield bar, since
            since = bar.start
        begun.add(bar.session_id)
    yield closing, max(bar.stop for bar in bodies)
