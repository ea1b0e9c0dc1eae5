"""Files of several names, as a walk of a repository snapshot comes to one name after the other."""

from container_agent.session.restore_entries import Told
from container_agent.storage.walk import Components


class HardLinks:
    """The hard-linked files that have names to come: of each, the first that was written."""

    def __init__(self) -> None:
        self._first: dict[tuple[int, int], tuple[Components | None, int]] = {}

    def meet(self, told: Told, path: Components | None) -> Components | None:
        """Takes in a name at its path, or None for one that is not written. Returns the path of
        the file's first name; None when no earlier one was written."""
        key = (told.device_id, told.inode)
        first, to_come = self._first.pop(key, (None, told.links))
        if to_come > 1:
            self._first[key] = (first or path, to_come - 1)
        return first
