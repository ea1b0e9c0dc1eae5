"""The places: who has one, on which host, and until when."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto

from proxy_manager.core.timers import Timers


class Stage(Enum):
    """How far the session in a place is."""

    CREATING = auto()
    HELD = auto()
    RUNNING = auto()
    ENDING = auto()


# A reservation is open in these; it ends when it leaves them.
RESERVED = (Stage.CREATING, Stage.HELD)


@dataclass(frozen=True)
class Place:
    """One place that is not free. `until` counts while it is reserved."""

    session_id: str
    host_name: str
    stage: Stage
    since: float
    until: float


class OverGranted(AssertionError):
    """A place was entered above a host's limit: a bug in whoever chose the host."""


class Ledger:
    """Every place that is taken, from reservation until the container is confirmed gone.

    Created, held, running and ending places of a host together never exceed its limit by a
    reservation. A reservation ends exactly once. `changes` grows with every change, and `touched`
    names the hosts with changes until whoever follows them has cleared it.
    """

    def __init__(self) -> None:
        self.changes = 0
        self.touched: dict[str, None] = {}
        self._counts: dict[str, Counter[Stage]] = {}
        self._deadlines = Timers()
        self._places: dict[str, Place] = {}
        self._hosts: dict[str, dict[str, Place]] = {}

    def __repr__(self) -> str:
        rows = (f"{p.session_id}@{p.host_name} {p.stage.name.lower()}" for p in self)
        return f"<Ledger {', '.join(rows) or 'empty'}>"

    def __iter__(self) -> Iterator[Place]:
        return iter(list(self._places.values()))

    def get(self, session_id: str) -> Place | None:
        """The session's place, if it has one."""
        return self._places.get(session_id)

    def on_host(self, host_name: str) -> list[Place]:
        """The taken places of a host, oldest first."""
        return list(self._hosts.get(host_name, {}).values())

    def used(self, host_name: str) -> int:
        """How many places of a host are not free."""
        return len(self._hosts.get(host_name, ()))

    def count(self, host_name: str, *stages: Stage) -> int:
        """How many places of a host are in one of the stages."""
        counts = self._counts.get(host_name)
        return sum(counts[stage] for stage in stages) if counts else 0

    def reserve(self, session_id: str, host_name: str, limit: int, now: float, by: float) -> None:
        """Takes a place below the limit; its container must answer `by` a time."""
        if self.used(host_name) >= limit or session_id in self._places:
            raise OverGranted(f"{session_id} on {host_name}, limit {limit}: {self!r}")
        self._put(Place(session_id, host_name, Stage.CREATING, now, by))

    def adopt(self, place: Place) -> None:
        """Enters what a host says it has: facts are not weighed against a limit."""
        self._put(place)

    def hold(self, session_id: str, now: float, until: float) -> Place | None:
        """The container answers: the place is held. None when none was being created."""
        place = self._places.get(session_id)
        if place is None or place.stage is not Stage.CREATING:
            return None
        return self._put(replace(place, stage=Stage.HELD, since=now, until=until))

    def initiate(self, session_id: str, now: float) -> Place | None:
        """The session runs. None when no place is held for it now."""
        place = self._places.get(session_id)
        if place is None or place.stage is not Stage.HELD or place.until <= now:
            return None
        return self._put(replace(place, stage=Stage.RUNNING, since=now))

    def end(self, session_id: str) -> Place | None:
        """The session is over, its container not yet gone. The place as it was, if it changed."""
        place = self._places.get(session_id)
        if place is None or place.stage is Stage.ENDING:
            return None
        self._put(replace(place, stage=Stage.ENDING))
        return place

    def free(self, session_id: str) -> Place | None:
        """The container is confirmed gone. The place as it was."""
        place = self._places.pop(session_id, None)
        if place is not None:
            del self._hosts[place.host_name][session_id]
            self._deadlines.cancel(session_id)
            self._note(place, -1)
        return place

    def overdue(self, now: float) -> list[Place]:
        """The reservations whose time is over; told once, so whoever asks is to end them."""
        return [self._places[session_id] for session_id in self._deadlines.take(now)]

    def _put(self, place: Place) -> Place:
        before = self._places.get(place.session_id)
        if before is not None:
            self._note(before, -1)
            if before.host_name != place.host_name:
                del self._hosts[before.host_name][place.session_id]
        self._places[place.session_id] = place
        self._hosts.setdefault(place.host_name, {})[place.session_id] = place
        if place.stage in RESERVED:
            self._deadlines.set(place.session_id, place.until)
        else:
            self._deadlines.cancel(place.session_id)
        self._note(place, 1)
        return place

    def _note(self, place: Place, count: int) -> None:
        self._counts.setdefault(place.host_name, Counter())[place.stage] += count
        self.changes += 1
        self.touched[place.host_name] = None
