"""What one step of the orchestrator changes and asks; of several changes of one thing the last."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from data_manager.core.effects import (
    Action,
    CancelSlices,
    DropSession,
    Effect,
    QueueAgain,
    SaveRun,
    SaveSession,
    SaveSlice,
    SaveStorage,
    SaveUnread,
    SaveVerdict,
    TellWatchers,
)
from data_manager.core.model import Run, Session, Slice


@dataclass
class Changes:
    """The effects of a step, in the making."""

    runs: dict[str, Run] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    slices: dict[str, Slice] = field(default_factory=dict)
    again: list[QueueAgain] = field(default_factory=list)
    cancelled: list[CancelSlices] = field(default_factory=list)
    dropped: dict[str, str] = field(default_factory=dict)
    unread: list[SaveUnread] = field(default_factory=list)
    verdicts: list[SaveVerdict] = field(default_factory=list)
    storages: list[SaveStorage] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    actions: list[Action] = field(default_factory=list)

    def save_run(self, run: Run) -> None:
        """The run is now so."""
        self.runs[run.run_id] = run
        self.told.add(run.run_id)

    def save_slice(self, slice_: Slice) -> None:
        """The slice is now so."""
        self.slices[slice_.slice_id] = slice_
        self.told.add(slice_.run_id)

    def save_session(self, session: Session) -> None:
        """The session is now so."""
        self.sessions[session.session_id] = session
        self.told.add(session.run_id)

    def drop_session(self, session_id: str, message: str) -> None:
        """The session is over."""
        self.dropped[session_id] = message

    def save_unread(self, unread: SaveUnread) -> None:
        """One more file could not be read."""
        self.unread.append(unread)

    def ask(self, action: Action) -> None:
        """Something is to be asked of others."""
        self.actions.append(action)

    def effects(self) -> Iterator[Effect]:
        """In the order in which they are to be made true: what refers to comes after."""
        yield from map(SaveRun, self.runs.values())
        yield from map(SaveSession, self.sessions.values())
        yield from map(SaveSlice, self.slices.values())
        yield from self.again
        yield from self.cancelled
        yield from (DropSession(*item) for item in self.dropped.items())
        yield from self.unread
        yield from self.verdicts
        yield from self.storages
        yield from self.actions
        yield from map(TellWatchers, sorted(self.told))
