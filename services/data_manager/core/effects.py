"""What is to be done about an event.

First all changes are committed, in one transaction; only then is anything else done.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from data_manager.core.model import Run, Session, Slice, Task, UnreadFile
from data_manager.core.queues import Key


@dataclass(frozen=True)
class SaveRun:
    """The run is now so."""

    run: Run


@dataclass(frozen=True)
class SaveSlice:
    """The slice is now so."""

    slice: Slice


@dataclass(frozen=True)
class SaveSession:
    """The session is now so."""

    session: Session


@dataclass(frozen=True)
class DropSession:
    """The session is over; the message says why if it did not end of itself."""

    session_id: str
    message: str = ""


@dataclass(frozen=True)
class SaveUnread:
    """One more file of a run that could not be read; `number` counts them from 0."""

    run_id: str
    number: int
    file: UnreadFile


@dataclass(frozen=True)
class SaveVerdict:
    """What becomes of a snapshot by a run; takes the place of what was said of it before."""

    run_id: str
    snapshot_id: bytes
    told: bytes


@dataclass(frozen=True)
class CancelSlices:
    """All slices of a run that are not terminal are cancelled."""

    run_id: str


@dataclass(frozen=True)
class QueueAgain:
    """Slices of a run that are done are queued, at this turn: their closing found that something is
    gone of what they had stored. Nothing else of them changes."""

    run_id: str
    numbers: tuple[int, ...]
    turn: int


@dataclass(frozen=True)
class SaveStorage:
    """A primary storage takes so many streams at once, over all its assets (R55)."""

    storage: str
    streams: int


@dataclass(frozen=True)
class AskCapacity:
    """Ask how many sessions could start (step 412)."""


@dataclass(frozen=True)
class Reserve:
    """Ask for places for these sessions, all in one request (step 418).

    `avoid` names for some of them a host where they must not go.
    """

    sessions: tuple[Session, ...]
    avoid: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Release:
    """Give back places that will not be used. Need not be answered: they lapse anyway."""

    session_ids: tuple[str, ...]


@dataclass(frozen=True)
class Initiate:
    """Start a granted session with its slices (step 426). Twice is once."""

    session: Session
    tasks: tuple[Task, ...]


@dataclass(frozen=True)
class Feed:
    """Give a running session more slices (step 612). A slice that it has is not taken twice."""

    session_id: str
    tasks: tuple[Task, ...]


@dataclass(frozen=True)
class Drain:
    """Give a session no more, and let it end (step 614)."""

    session_id: str


@dataclass(frozen=True)
class LoadSlices:
    """Fetch the next part of a run's queue from the database: `most` after a place in it."""

    run_id: str
    after: Key | None
    most: int


@dataclass(frozen=True)
class CancelSession:
    """Stop a session. Its end is the answer; asked again until it comes."""

    session_id: str


@dataclass(frozen=True)
class TellWatchers:
    """Something that people watch has changed."""

    run_id: str


Change = (
    SaveRun
    | SaveSlice
    | SaveSession
    | DropSession
    | SaveUnread
    | SaveVerdict
    | QueueAgain
    | CancelSlices
    | SaveStorage
)
Action = AskCapacity | Reserve | Release | Initiate | Feed | Drain | CancelSession | LoadSlices
Effect = Change | Action | TellWatchers
