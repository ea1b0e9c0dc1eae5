"""A container of this host, from when it is asked for until the engine confirms that it is gone."""

import asyncio
from collections.abc import Callable

from container_agent.host.usage import Usage, UsageMeter


class SessionContainer:
    """What a session runs in, or will. `look` has the host's containers looked at soon."""

    def __init__(self, name: str, look: Callable[[], None], *, made: bool) -> None:
        self.name = name
        self.unwanted = False
        self.out_of_memory = False
        # Until it is made, that the engine does not list it means nothing.
        self.made = made
        self._look = look
        self._meter: UsageMeter | None = None
        self._gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @property
    def mark(self) -> str:
        """How it is known in a repository."""
        return self.name

    @property
    def gone(self) -> bool:
        """Whether the engine has confirmed that nothing is left of it."""
        return self._gone.done()

    def usage(self) -> Usage | None:
        """What it uses of its host, where that can be told."""
        return self._meter.read() if self._meter else None

    def found(self, container_id: str, cgroup_parent: str) -> None:
        """The engine lists it; by its id its control group is known."""
        if self._meter is None:
            self._meter = UsageMeter(cgroup_parent, container_id)

    def is_made(self) -> None:
        """The engine lists it from now on; what became of it since is looked at."""
        self.made = True
        self._look()

    def kill(self) -> None:
        """Ends it at once; the engine is asked until it confirms."""
        self.unwanted = True
        self._look()

    async def wait(self) -> str:
        """Returns when it is confirmed gone: how it ended, in one line."""
        return await asyncio.shield(self._gone)

    def bury(self, how: str, *, out_of_memory: bool = False) -> None:
        """The engine has confirmed that it is gone."""
        if not self._gone.done():
            self.out_of_memory = out_of_memory
            self._gone.set_result(how)
