"""Why things wait: the orchestrator's reasons, and the places that the database knows."""

from data_manager.core.explaining import Explanation
from data_manager.core.kinds import run_of
from data_manager.core.model import SliceState
from data_manager.driver import Driver
from data_manager.store import Store
from sluicegate.rpc.refusals import Reason, Refusal


class Waits:
    """Explains waits, as they are committed."""

    def __init__(self, store: Store, driver: Driver) -> None:
        self._store = store
        self._driver = driver

    async def explain(self, run_id: str, slice_id: str) -> Explanation:
        """Why a run waits, or the slice if one is named."""
        if not slice_id:
            return self._driver.orchestrator.explain(run_id, None, 0)
        slice_ = await self._store.slice(slice_id)
        if slice_ is None or run_of(slice_id) != run_id:
            message = f"{run_id} has no slice {slice_id}"
            raise Refusal(Reason.SLICE_UNKNOWN, message, slice_id=slice_id)
        queued = slice_.state is SliceState.QUEUED
        before = await self._store.queued_before(slice_) if queued else 0
        return self._driver.orchestrator.explain(run_id, slice_, before)
