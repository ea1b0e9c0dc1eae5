"""What is to be done about an event.

First all changes are committed, in one transaction; only then is anything else done.
"""

from dataclasses import dataclass

from data_manager.core.model import Run, Session, Slice, UnreadFile


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
class AskCapacity:
    """Ask how many sessions could start (step 412)."""


@dataclass(frozen=True)
class Reserve:
    """Ask for places for these sessions, all in one request (step 418)."""

    sessions: tuple[Session, ...]


@dataclass(frozen=True)
class Release:
    """Give back places that will not be used. Need not be answered: they lapse anyway."""

    session_ids: tuple[str, ...]


@dataclass(frozen=True)
class Initiate:
    """Start a granted session with its slices (step 426)."""

    session: Session
    run: Run
    slices: tuple[Slice, ...]
    records: tuple[Slice, ...] = ()


@dataclass(frozen=True)
class CancelSession:
    """Stop a session. Its end is the answer; asked again until it comes."""

    session_id: str


@dataclass(frozen=True)
class TellWatchers:
    """Something that people watch has changed."""

    run_id: str


Change = SaveRun | SaveSlice | SaveSession | DropSession | SaveUnread
Action = AskCapacity | Reserve | Release | Initiate | CancelSession
Effect = Change | Action | TellWatchers
