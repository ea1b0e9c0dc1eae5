"""What decides where a session goes, as far as an operator may choose it."""

from dataclasses import dataclass
from enum import Enum, auto


class Policy(Enum):
    """How sessions are laid out over hosts that are otherwise alike (R60)."""

    SPREAD = auto()
    PACK = auto()


@dataclass(frozen=True)
class Threshold:
    """Of a load from 0 to 1: over when above `high`, over no more when below `low` (R80, R81).

    With a `high` of 1 none is ever over. Hosts below `low` are preferred in any case (R84).
    """

    high: float = 1.0
    low: float = 0.7


@dataclass(frozen=True)
class Rules:
    """The rules of placement and of quarantine; seconds of the monotonic clock.

    A measured load is smoothed with `smoothing_seconds` as its time constant; a session just placed
    counts with `session_cpu` and `session_memory` until what is measured has caught up. A host that
    was over stays closed for at least `rest_seconds`, so that it does not flap. With
    `delay_seconds` it is not closed but takes one session each time that they have passed (R83).

    `failures` sessions in a row that did not start, or died within `early_seconds`, quarantine
    their host for `quarantine_seconds`, doubled each time its probe session fails too.
    """

    policy: Policy = Policy.SPREAD
    cpu: Threshold = Threshold()
    memory: Threshold = Threshold()
    smoothing_seconds: float = 10.0
    session_cpu: float = 0.02
    session_memory: float = 0.01
    rest_seconds: float = 30.0
    delay_seconds: float | None = None
    failures: int = 3
    early_seconds: float = 10.0
    quarantine_seconds: float = 5.0
    quarantine_seconds_max: float = 300.0
