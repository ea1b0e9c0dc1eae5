"""What can happen. Whatever is asked of others is answered by one of these, in any order."""

from dataclasses import dataclass, field

from data_manager.core.model import (
    Counts,
    Cut,
    Failure,
    Run,
    Session,
    Slice,
    UnreadFile,
)


@dataclass(frozen=True)
class Restarted:
    """The database was opened: what there was before."""

    runs: tuple[Run, ...]
    slices: tuple[Slice, ...]
    sessions: tuple[Session, ...]
    unread_files: tuple[tuple[str, UnreadFile], ...]


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
    """So many sessions could start now (step 414)."""

    sessions: int


@dataclass(frozen=True)
class CapacityUnanswered:
    """The proxy manager did not answer."""


@dataclass(frozen=True)
class ReservationAnswered:
    """Some of the sessions asked for are granted, the others declined (step 420)."""

    session_ids: tuple[str, ...]
    granted: frozenset[str]


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
class CutsMade:
    """An opening slice made cuts; `batch_number` counts the batches of its attempt from 0."""

    session_id: str
    slice_id: str
    attempt: int
    batch_number: int
    cuts: tuple[Cut, ...]
    snapshot_id: bytes


@dataclass(frozen=True)
class SliceEnded:
    """A slice ended with a result, or with a failure."""

    session_id: str
    slice_id: str
    attempt: int
    failure: Failure | None = None
    message: str = ""
    result_id: bytes = b""
    counts: Counts = field(default_factory=Counts)
    unread_files: tuple[UnreadFile, ...] = ()
    unread_count: int = 0


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


@dataclass(frozen=True)
class TimePassed:
    """A time came for which somebody waits."""


Outcome = CutsMade | SliceEnded | SessionEnded | Progressed
Event = (
    Restarted
    | RunBegun
    | CancelAsked
    | CapacityReported
    | CapacityUnanswered
    | ReservationAnswered
    | ReservationUnanswered
    | Initiated
    | ReservationLapsed
    | InitiationUnanswered
    | InitiationRefused
    | Outcome
    | TimePassed
)
