"""The master keys of the repositories that this host works on, each derived once, and what it does
there itself.

Imports little, so that it can begin before anything else is loaded.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress

# Storage that hangs is the session's to hang on, where it is seen.
WAIT_SECONDS = 5.0


class OpenedKeys:
    """Deriving a key costs a third of a second; sessions are handed it. It begins when asked for,
    or earlier where it is known which repository will be.

    A session that is handed none derives its own, and tells what is wrong if it cannot.
    """

    def __init__(self, password: Callable[[], bytes], *, derives: bool = True) -> None:
        self.password = password
        self._derives = derives
        self._keys: dict[str, Future[bytes]] = {}

    def begin(self, location: str) -> "Future[bytes]":
        """Derives the key of the repository at a location; in vain it comes out empty, and is
        tried again the next time, as the repository may be mended by then."""
        key = self._keys.get(location)
        if key is None or (key.done() and not key.result()):
            key = self._keys[location] = Future()
            # It must not keep a process from ending.
            threading.Thread(
                target=self._derive, args=(location, key), name="key", daemon=True
            ).start()
        return key

    async def known(self, location: str) -> bytes:
        """The key of the repository at a location; empty when there is none within 5 seconds, or
        when its sessions see other repositories there than this process does."""
        import asyncio

        if not self._derives:
            return b""
        key = asyncio.wrap_future(self.begin(location))
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await asyncio.shield(key)
        except TimeoutError:
            return b""

    def remove_locks(self, location: str, mark: str) -> None:
        """Takes away, some time, the locks in a repository of a container that is gone: without
        that they would stand for half an hour, and nobody could prune. Where this process does not
        reach the repository they do."""
        if self._derives:
            key = self.begin(location)
            threading.Thread(
                target=_remove_locks, args=(location, key, mark), name="locks", daemon=True
            ).start()

    def _derive(self, location: str, key: "Future[bytes]") -> None:
        # In this thread, beside whatever else is being loaded.
        from container_agent.repository.errors import RepositoryError
        from container_agent.repository.keys import open_key
        from container_agent.repository.locations import store_at

        try:
            secret = open_key(store_at(location), self.password()).secret
        except (RepositoryError, OSError, ValueError, KeyError):
            secret = b""
        key.set_result(secret)


def _remove_locks(location: str, key: "Future[bytes]", mark: str) -> None:
    from container_agent.repository.crypto import MasterKey, Sealer
    from container_agent.repository.errors import RepositoryError
    from container_agent.repository.locations import store_at
    from container_agent.repository.locks import remove_marked

    if secret := key.result():
        with suppress(RepositoryError, OSError, ValueError):
            remove_marked(store_at(location), Sealer(MasterKey.of(secret)), mark)
