"""What can happen. Whatever is asked of others is answered by one of these, in any order."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from data_manager.core.model import (
    Counts,
    Cut,
    Failure,
    Run,
    Session,
    Slice,
    SliceState,
    UnreadFile,
)


@dataclass(frozen=True)
class Restarted:
    """The database was opened: what there was before.

    `slices` are those in flight, and what runs open and close with; `tallies` count all of each
    run by state; `turns` are the last turns given in each run's queue.
    """

    runs: tuple[Run, ...]
    slices: tuple[Slice, ...]
    sessions: tuple[Session, ...]
    unread_files: tuple[tuple[str, UnreadFile], ...]
    tallies: Mapping[str, Mapping[SliceState, int]]
    turns: Mapping[str, int]
    storages: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class RunBegun:
    """A run was asked for (step 400)."""

    run: Run


@dataclass(frozen=True)
class CancelAsked:
    """A run is to stop."""

    run_id: str


@dataclass(frozen=True)
class CapacityReported:
    """So many sessions could start now (step 414); `closed` says why hosts take none."""

    sessions: int
    closed: tuple[str, ...] = ()


@dataclass(frozen=True)
class CapacityGrew:
    """There is new capacity, or an administrator says so (step 534)."""


@dataclass(frozen=True)
class ProxiesConnected:
    """The proxy manager is reached again; what was told before may be lost with an earlier one."""


@dataclass(frozen=True)
class CapacityUnanswered:
    """The proxy manager did not answer."""


@dataclass(frozen=True)
class ReservationAnswered:
    """Some of the sessions asked for are granted, the others declined (step 420); `hosts` says
    where those granted have their places, as far as is known."""

    session_ids: tuple[str, ...]
    granted: frozenset[str]
    hosts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReservationUnanswered:
    """It is not known whether any place is held."""

    session_ids: tuple[str, ...]


@dataclass(frozen=True)
class Initiated:
    """A session runs."""

    session_id: str


@dataclass(frozen=True)
class ReservationLapsed:
    """A session was not initiated in time; it will not run."""

    session_id: str


@dataclass(frozen=True)
class InitiationUnanswered:
    """It is not known whether a session runs."""

    session_id: str


@dataclass(frozen=True)
class InitiationRefused:
    """A session's work is not understood; it will not run."""

    session_id: str
    message: str


@dataclass(frozen=True)
class FeedUnanswered:
    """It is not known whether sessions have what they were fed, or whether they are there."""

    session_ids: tuple[str, ...]


@dataclass(frozen=True)
class DrainUnanswered:
    """It is not known whether a session was told to end."""

    session_id: str


@dataclass(frozen=True)
class SlicesLoaded:
    """The next part of a run's queue, in order; fewer than were asked for when it is the last."""

    run_id: str
    slices: tuple[Slice, ...]
    asked: int


@dataclass(frozen=True)
class StorageLimited:
    """A primary storage may have so many streams from now on; 0 is without a limit."""

    storage: str
    streams: int


@dataclass(frozen=True)
class CutsMade:
    """An opening slice made cuts; `batch_number` counts the batches of its attempt from 0."""

    session_id: str
    slice_id: str
    attempt: int
    batch_number: int
    cuts: tuple[Cut, ...]
    snapshot_id: bytes


@dataclass(frozen=True)
class VerdictsMade:
    """A maintenance judged snapshots, before it removes any: what is told of each, by its id, is a
    message, encoded, for those who ask."""

    session_id: str
    slice_id: str
    attempt: int
    verdicts: Mapping[bytes, bytes]


@dataclass(frozen=True)
class SliceEnded:
    """A slice ended with a result, or with a failure. `lost` are the numbers of the slices of which
    a closing found that something is gone."""

    session_id: str
    slice_id: str
    attempt: int
    failure: Failure | None = None
    message: str = ""
    result_id: bytes = b""
    counts: Counts = field(default_factory=Counts)
    unread_files: tuple[UnreadFile, ...] = ()
    unread_count: int = 0
    took_ms: int = 0
    lost: tuple[int, ...] = ()


@dataclass(frozen=True)
class SessionEnded:
    """A session is over and its container gone."""

    session_id: str
    failure: Failure | None = None
    message: str = ""


@dataclass(frozen=True)
class Progressed:
    """How far a running slice is. May be lost."""

    session_id: str
    slice_id: str
    attempt: int
    counts: Counts
    told: str = ""


@dataclass(frozen=True)
class TimePassed:
    """A time came for which somebody waits."""


Outcome = CutsMade | VerdictsMade | SliceEnded | SessionEnded | Progressed
Answer = (
    CapacityReported
    | CapacityUnanswered
    | CapacityGrew
    | ProxiesConnected
    | ReservationAnswered
    | ReservationUnanswered
    | Initiated
    | ReservationLapsed
    | InitiationUnanswered
    | InitiationRefused
    | FeedUnanswered
    | DrainUnanswered
)
Event = (
    Restarted
    | RunBegun
    | CancelAsked
    | SlicesLoaded
    | StorageLimited
    | Answer
    | Outcome
    | TimePassed
)
