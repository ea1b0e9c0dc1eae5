"""Backup storage, simulated: which slices' blobs are there, and what a prune has taken."""

from collections.abc import Iterable

from data_manager.core.model import RunKind, Slice, SliceState
from sluicegate.simulation.workload import RunPlan, result_id


class Repository:
    """What backups have stored. Nothing refers to it until they are sealed."""

    def __init__(self) -> None:
        self._stored: dict[bytes, str] = {}
        self._sealed: set[str] = set()
        self._taken: set[bytes] = set()

    def did(self, plan: RunPlan, slice_: Slice) -> None:
        """A session did a slice of a run: stored its span, or sealed all."""
        if plan.request.kind is not RunKind.BACKUP:
            return
        if slice_.number > 0:
            self._stored[result_id(slice_)] = slice_.run_id
            self._taken.discard(result_id(slice_))
        elif slice_.number < 0:
            self._sealed.add(slice_.run_id)

    def lost(self, slices: Iterable[Slice]) -> tuple[int, ...]:
        """The numbers of those that are done and of which something is gone."""
        done = (slice_ for slice_ in slices if slice_.state is SliceState.DONE)
        return tuple(slice_.number for slice_ in done if slice_.result_id in self._taken)

    def prune(self) -> int:
        """Takes what nothing refers to; of how many slices."""
        taken = {result for result, run_id in self._stored.items() if run_id not in self._sealed}
        for result in taken:
            del self._stored[result]
        self._taken |= taken
        return len(taken)
