"""What the slices of an asset took in its last backup, for predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from data_manager.core.events import CutsMade
from data_manager.core.kinds import run_of
from data_manager.core.model import Request, RunKind, Span


class Times(Protocol):
    """The database, as far as this needs it."""

    async def past_ms(self, asset_id: str) -> Mapping[Span, int]:
        """The time of each slice of an asset's last finished backup, by its span."""
        ...


class Past:
    """Adds to cuts what their spans took last. The times of a run are read once."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self._known: dict[str, Mapping[Span, int]] = {}

    async def add(self, outcome: CutsMade, request: Request | None) -> CutsMade:
        """The cuts, with past times if they are those of a backup."""
        if request is None or request.kind is not RunKind.BACKUP:
            return outcome
        run_id = run_of(outcome.slice_id)
        if run_id not in self._known:
            self._known[run_id] = await self._times.past_ms(request.asset_id)
        past = self._known[run_id]
        cuts = tuple(replace(cut, past_ms=past.get(cut.span)) for cut in outcome.cuts)
        return replace(outcome, cuts=cuts) if past else outcome

    def forget(self, run_ids: Sequence[str]) -> None:
        """These runs are over."""
        for run_id in run_ids:
            self._known.pop(run_id, None)
