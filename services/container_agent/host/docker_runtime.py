"""Sessions in containers of this host's engine."""

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from container_agent.host.birth import Birth
from container_agent.host.container_plan import SOCKET_DIRECTORY, ContainerPlan
from container_agent.host.containers import Containers
from container_agent.host.doors import Doors
from container_agent.host.engine import Engine, EngineFailed
from container_agent.host.runtime import START_SECONDS, Found, StartFailed
from container_agent.host.session_container import SessionContainer
from container_agent.host.warm_pool import Ready, WarmPool
from container_agent.repository.identity import CONTAINER_MARK

READY_SECONDS = 0.02
# How long a session dials again when its host agent is gone. By then its lease is long over.
REDIAL_SECONDS = 60.0

log = logging.getLogger(__name__)


class DockerRuntime:
    """Gives each session a container of its own; `warm` of them wait ahead of their sessions.

    `environment` is for sessions alone: credentials of object stores, and where traces go.
    """

    def __init__(
        self,
        engine: Engine,
        plan: ContainerPlan,
        run_directory: Path,
        socket: Path,
        environment: Mapping[str, str],
        warm: int = 0,
    ) -> None:
        self._engine = engine
        self._plan = plan
        self._socket = socket
        self._environment = environment
        self._doors = Doors(run_directory / "containers")
        self._containers = Containers(engine, self._doors, plan.cgroup_parent)
        self._pool = WarmPool(self._make, warm)
        self._found: list[Found] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "DockerRuntime":
        await self._take_over()
        self._tasks = [
            asyncio.create_task(self._containers.keep()),
            asyncio.create_task(self._pool.keep()),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        looking, filling = self._tasks
        filling.cancel()
        await asyncio.wait([filling])
        self._pool.empty()
        await self._containers.end()
        looking.cancel()
        await asyncio.wait([looking])

    def found(self) -> Sequence[Found]:
        """The containers of sessions that outlived an earlier process of this host agent."""
        return self._found

    async def create(
        self, session_id: str, token: str, socket: Path, data_manager_id: str
    ) -> SessionContainer:
        """Lets a session into a container that waits, or into a new one; StartFailed when there is
        none to be had. It will say hello on the socket."""
        ready = await self._pool.take()
        inside = f"{SOCKET_DIRECTORY}/{socket.name}"
        environment = {**self._environment, CONTAINER_MARK: ready.container.mark}
        birth = Birth(session_id, token, inside, REDIAL_SECONDS, environment)
        try:
            self._doors.tell(ready.door, ready.container.name, birth, data_manager_id)
        except OSError as error:
            ready.container.kill()
            raise StartFailed(f"its container does not hear: {error.strerror}") from error
        return ready.container

    async def _take_over(self) -> None:
        """Finds what an earlier process left; what is nobody's is removed as a stray later."""
        running = {one.name for one in await self._containers.call(self._engine.listed)}
        for name in list(self._doors.names()):
            lives = self._doors.inhabitant(name)
            if name in running and lives is not None:
                container = self._containers.expect(name, made=True)
                self._found.append(
                    Found(lives.session_id, lives.data_manager_id, lives.token_digest, container)
                )
            elif name not in running:
                self._doors.remove(name)

    async def _make(self) -> Ready:
        """A new container that waits to hear who it is; StartFailed when there is none, and then
        nothing of it is left, unless the engine cannot say so in time."""
        name = f"sluicegate-{self._plan.host_name}-{secrets.token_hex(6)}"
        container = self._containers.expect(name)
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._begin(container)
                return Ready(container, await self._opened(container))
        except (EngineFailed, OSError, TimeoutError) as error:
            container.kill()
            how = str(error) or f"its container was not ready within {START_SECONDS:g} s"
            raise StartFailed(how) from error
        except BaseException:
            container.kill()
            raise

    async def _begin(self, container: SessionContainer) -> None:
        try:
            door = self._doors.make(container.name)
            fields = self._plan.fields(door, self._socket)
            await self._containers.call(self._engine.create, container.name, fields)
            await self._containers.call(self._engine.start, container.name)
        finally:
            container.is_made()

    async def _opened(self, container: SessionContainer) -> int:
        """The door of a container that waits at it; StartFailed when it ends before."""
        while (door := self._doors.open(container.name)) is None:
            if container.gone:
                raise StartFailed(await container.wait())
            await asyncio.sleep(READY_SECONDS)
        return door
