"""What the core changes as statements with their rows."""

from collections.abc import Iterator, Sequence
from typing import Any

from data_manager.core.effects import (
    CancelSlices,
    Change,
    DropSession,
    QueueAgain,
    SaveRun,
    SaveSession,
    SaveSlice,
    SaveStorage,
    SaveUnread,
    SaveVerdict,
)
from data_manager.core.model import Run, Session, Slice
from data_manager.rows import run_row, session_row
from data_manager.slice_rows import slice_row

Statement = tuple[str, Sequence[Any]]
OTHERS = (
    "queue_again",
    "cancel_slices",
    "drop_session",
    "save_unread",
    "save_verdict",
    "save_storage",
)


def statements(changes: Sequence[Change]) -> Iterator[Statement]:
    """The names of statements with the rows for each, in the order in which they are to be made.
    Of several changes to one row the last counts."""
    runs: dict[str, Run] = {}
    sessions: dict[str, Session] = {}
    slices: dict[str, Slice] = {}
    others: dict[str, list[object]] = {}
    for change in changes:
        match change:
            case SaveSlice(slice_):
                slices[slice_.slice_id] = slice_
            case SaveSession(session):
                sessions[session.session_id] = session
            case SaveRun(run):
                runs[run.run_id] = run
            case QueueAgain(run_id, numbers, turn):
                rows = [{"run_id": run_id, "number": each, "turn": turn} for each in numbers]
                others.setdefault("queue_again", []).extend(rows)
            case CancelSlices(run_id):
                others.setdefault("cancel_slices", []).append({"run_id": run_id})
            case DropSession(session_id):
                others.setdefault("drop_session", []).append({"session_id": session_id})
            case SaveUnread(run_id, number, file):
                row = {"run_id": run_id, "number": number, **vars(file)}
                others.setdefault("save_unread", []).append(row)
            case SaveVerdict():
                others.setdefault("save_verdict", []).append(vars(change))
            case SaveStorage():
                others.setdefault("save_storage", []).append(vars(change))
    yield "save_run", [run_row(run) for run in runs.values()]
    yield "save_session", [session_row(session) for session in sessions.values()]
    yield "save_slice", [slice_row(slice_) for slice_ in slices.values()]
    # No session comes back: what is dropped stays dropped.
    for name in OTHERS:
        yield name, others.get(name, ())
