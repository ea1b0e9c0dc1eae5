"""The data manager's database, simulated: what was committed, and watch over what must last."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

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
)
from data_manager.core.events import Restarted
from data_manager.core.kinds import OPENING_NUMBER, slice_id
from data_manager.core.model import Run, Session, Slice, SliceState, UnreadFile
from data_manager.core.queues import Key
from sluicegate.simulation.checks import Checks, cancelled

QUEUED = SliceState.QUEUED
PLACED = (SliceState.RESERVED, SliceState.RUNNING)


class Store:
    """One data manager's tables. All changes of a commit are made at once."""

    def __init__(self, checks: Checks) -> None:
        self.runs: dict[str, Run] = {}
        self.slices: dict[str, dict[str, Slice]] = {}
        self.sessions: dict[str, Session] = {}
        self.unread: dict[tuple[str, int], UnreadFile] = {}
        self.storages: dict[str, int] = {}
        self._checks = checks

    def commit(self, changes: Sequence[Change]) -> None:
        """Makes all changes true."""
        ends = {run_id: self._last_turn(run_id) for run_id in _queueing(changes)}
        for change in changes:
            match change:
                case SaveSlice(slice_):
                    self._save_slice(slice_, ends.get(slice_.run_id))
                case SaveRun(run):
                    self._checks.saving_run(self.runs.get(run.run_id), run)
                    self.runs[run.run_id] = run
                case SaveSession(session):
                    self.sessions[session.session_id] = session
                case DropSession(session_id):
                    self.sessions.pop(session_id, None)
                case QueueAgain(run_id, numbers, turn):
                    for number in numbers:
                        self._queue_again(run_id, number, turn)
                case CancelSlices(run_id):
                    rows = self.slices.get(run_id, {})
                    rows.update((s.slice_id, cancelled(s)) for s in list(rows.values()))
                case SaveUnread(run_id, number, file):
                    self.unread[run_id, number] = file
                case SaveStorage(storage, streams):
                    self.storages[storage] = streams

    def _save_slice(self, slice_: Slice, last_turn: int | None) -> None:
        rows = self.slices.setdefault(slice_.run_id, {})
        old = rows.get(slice_.slice_id)
        self._checks.saving_slice(old, slice_)
        if old is not None and old.state in PLACED and slice_.state is QUEUED:
            assert last_turn is not None
            self._checks.putting_back(slice_, last_turn)
        rows[slice_.slice_id] = slice_

    def _queue_again(self, run_id: str, number: int, turn: int) -> None:
        rows, name = self.slices[run_id], slice_id(run_id, number)
        self._checks.queueing_again(rows[name])
        rows[name] = replace(rows[name], state=QUEUED, turn=turn)

    def _last_turn(self, run_id: str) -> int:
        rows = self.slices.get(run_id, {}).values()
        return max((slice_.turn for slice_ in rows if slice_.state is QUEUED), default=-1)

    def queued(self, run_id: str, after: Key | None, most: int) -> tuple[Slice, ...]:
        """The next part of a run's queue, in order."""
        place = after[:2] if after else (-(2**63), 0)
        waiting = [
            slice_
            for slice_ in self.slices.get(run_id, {}).values()
            if slice_.state is SliceState.QUEUED and (slice_.turn, slice_.number) > place
        ]
        waiting.sort(key=lambda slice_: (slice_.turn, slice_.number))
        return tuple(waiting[:most])

    def bodies(self, run_id: str) -> tuple[Slice, ...]:
        """The slices that a run was cut into, in walk order."""
        rows = self.slices.get(run_id, {}).values()
        bodies = [slice_ for slice_ in rows if slice_.number > 0]
        return tuple(sorted(bodies, key=lambda slice_: slice_.number))

    def found(self) -> Restarted:
        """What a restart finds."""
        live = [run for run in self.runs.values() if not run.state.terminal]
        slices = {run.run_id: self.slices.get(run.run_id, {}).values() for run in live}
        return Restarted(
            tuple(live),
            tuple(s for rows in slices.values() for s in rows if _at_hand(s)),
            tuple(self.sessions.values()),
            tuple((key[0], file) for key, file in self.unread.items() if key[0] in slices),
            {run_id: Counter(s.state for s in rows) for run_id, rows in slices.items()},
            _turns(slices),
            dict(self.storages),
        )


def _queueing(changes: Sequence[Change]) -> dict[str, None]:
    """The runs of which slices are queued."""
    slices = (change.slice for change in changes if isinstance(change, SaveSlice))
    return dict.fromkeys(slice_.run_id for slice_ in slices if slice_.state is QUEUED)


def _at_hand(slice_: Slice) -> bool:
    return slice_.number <= OPENING_NUMBER or slice_.session_id is not None


def _turns(slices: Mapping[str, Iterable[Slice]]) -> dict[str, int]:
    turns: dict[str, int] = {}
    for run_id, rows in slices.items():
        for slice_ in rows:
            if slice_.state is SliceState.QUEUED:
                turns[run_id] = max(turns.get(run_id, slice_.turn), slice_.turn)
    return turns
