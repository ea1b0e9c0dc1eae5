"""The method of figures 4.1 to 4.3: how free places become sessions of slices."""

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Waiting:
    """A run whose queue is populated: its sessions in flight, how many more it can use, and since
    when it waits."""

    run_id: str
    streams: int
    usable: int
    since: float


def fair(waiting: Iterable[Waiting]) -> Waiting:
    """Whose turn it is: fewest streams in flight first, then who waits longest."""
    return min(waiting, key=lambda run: (run.streams, run.since, run.run_id))


def allot(places: int, waiting: Iterable[Waiting]) -> dict[str, int]:
    """How many sessions each run gets, at most as many as there are places."""
    open_still = {run.run_id: run for run in waiting if run.usable > 0}
    allotted: dict[str, int] = {}
    for _ in range(places):
        if not open_still:
            break
        chosen = fair(open_still.values())
        allotted[chosen.run_id] = allotted.get(chosen.run_id, 0) + 1
        if chosen.usable == 1:
            del open_still[chosen.run_id]
        else:
            open_still[chosen.run_id] = replace(
                chosen, streams=chosen.streams + 1, usable=chosen.usable - 1
            )
    return allotted


def session_sizes(slices: int, sessions: int, slices_per_session: int, running: int) -> list[int]:
    """How many slices each session gets: full ones while there are enough, else spread evenly.

    What is spread is left in part for the streams of the run that are busy now, so that none of
    them finds the queue empty while another has several slices before it (R96).
    """
    share = min(slices_per_session, -(-slices // (sessions + running)))
    least, more = divmod(min(slices, sessions * share), sessions)
    return [least + (number < more) for number in range(sessions)]
