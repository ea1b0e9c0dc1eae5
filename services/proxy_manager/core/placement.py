"""Which host a session goes to."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from proxy_manager.core.model import Declined, Reason


@dataclass(frozen=True)
class Candidate:
    """A host that is attached and takes sessions."""

    name: str
    used: int
    sessions_max: int


def spread(session_ids: Sequence[str], hosts: Sequence[Candidate]) -> dict[str, str | Declined]:
    """A host for each session, the relatively emptiest first and then by name, or why none.

    No host gets more than fits below its limit.
    """
    heap = [_entry(host) for host in hosts if host.used < host.sessions_max]
    heapq.heapify(heap)
    placed: dict[str, str | Declined] = {}
    for session_id in session_ids:
        if not heap:
            placed[session_id] = _declined(hosts)
            continue
        _, name, used, sessions_max = heap[0]
        placed[session_id] = name
        if used + 1 < sessions_max:
            heapq.heapreplace(heap, _entry(Candidate(name, used + 1, sessions_max)))
        else:
            heapq.heappop(heap)
    return placed


def _entry(host: Candidate) -> tuple[float, str, int, int]:
    return (host.used / host.sessions_max, host.name, host.used, host.sessions_max)


def _declined(hosts: Sequence[Candidate]) -> Declined:
    if not hosts:
        return Declined(Reason.NO_HOST, "no proxy host is attached")
    return Declined(Reason.NO_PLACE, "every place of every proxy host is taken")
