"""The master keys of the repositories that this host works on, each derived once."""

import asyncio
from collections.abc import Callable

from container_agent.repository.errors import RepositoryError
from container_agent.repository.keys import open_key
from container_agent.repository.stores import LocalStore


class OpenedKeys:
    """Deriving a key costs a session a third of a second; here it is done beside the first one.

    The first session of a repository derives its own, and tells what is wrong if it cannot.
    """

    def __init__(self, password: Callable[[], bytes], tasks: asyncio.TaskGroup) -> None:
        self.password = password
        self._tasks = tasks
        self._keys: dict[str, bytes] = {}
        self._deriving: set[str] = set()

    def known(self, location: str) -> bytes:
        """The key of the repository at a location; empty until it is derived."""
        key = self._keys.get(location, b"")
        if not key and location not in self._deriving:
            self._deriving.add(location)
            self._tasks.create_task(self._derive(location))
        return key

    async def _derive(self, location: str) -> None:
        store = LocalStore(location)
        try:
            master = await asyncio.to_thread(open_key, store, self.password())
            self._keys[location] = master.secret
        except (RepositoryError, OSError, ValueError, KeyError):
            # Its sessions say why; a repository that is mended is tried again.
            return
        finally:
            self._deriving.discard(location)
