"""Primary storages: each takes so many streams at once, whatever assets they are for (R55)."""

from data_manager.core.effects import SaveStorage
from data_manager.core.state import State


def limit(state: State, storage: str, streams: int) -> None:
    """Limits a primary storage from now on; 0 is without a limit. What runs goes on."""
    if streams:
        state.storage_limits[storage] = streams
    else:
        state.storage_limits.pop(storage, None)
    state.waiters.due.update(state.lives)
    state.changes.storages.append(SaveStorage(storage, streams))
