"""The container agent of a proxy host, as a program and as a part of one."""

import asyncio
import fcntl
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from container_agent.host.attach import Attachment
from container_agent.host.cache import VARIABLE as CACHE_VARIABLE
from container_agent.host.cache import find_cache_directory, made_cache
from container_agent.host.container_plan import CACHE_DIRECTORY
from container_agent.host.container_settings import (
    ContainerSettings,
    container_options,
    engine_and_plan,
    for_sessions,
    settings_of,
)
from container_agent.host.docker_runtime import DockerRuntime
from container_agent.host.engine import EngineFailed
from container_agent.host.head_start import HeadStart
from container_agent.host.mounts import MountRefused
from container_agent.host.opened_keys import OpenedKeys
from container_agent.host.parent_program import SESSION_COMMAND
from container_agent.host.passwords import PasswordMissing, find_password
from container_agent.host.process_runtime import ProcessRuntime
from container_agent.host.sessions import Sessions
from container_agent.host.sessions_server import served
from sluicegate.rpc.logs import set_up_logs
from sluicegate.rpc.options import option
from sluicegate.rpc.program import serve, told
from sluicegate.rpc.refusals import Refusal
from sluicegate.rpc.server import Server
from sluicegate.rpc.tasks import task_group
from sluicegate.rpc.tracing import Tracing

ATTACH_SECONDS = 20.0
GRACE_SECONDS = 5.0
COMMIT_SECONDS = 2.0
END_SECONDS = 30.0
# What the kernel takes as the path of a unix socket, less the end of the string.
SOCKET_PATH_MAX = 107


class NotAttached(Exception):
    """The proxy manager does not answer."""


class RunDirectoryUnusable(Exception):
    """The sessions' socket cannot lie there."""


@dataclass(frozen=True)
class Settings:
    """What a container agent is started with."""

    proxy_manager: str
    host_name: str
    sessions_max: int
    run_directory: Path
    password: Callable[[], bytes]
    session_command: tuple[str, ...] = SESSION_COMMAND
    # Where it is set, sessions run in containers.
    containers: ContainerSettings | None = None
    # The same things, begun already.
    head_start: HeadStart | None = None
    # What is measured as the host's load; the whole machine where none is named.
    cgroup: str = ""
    # Shared by all sessions; without one each has what it needs in memory.
    cache_directory: Path | None = None


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[None]:
    """A host that is attached and takes sessions inside the block; at its end they are ended."""
    tracing = Tracing.from_environment("container-agent")
    attachment = Attachment(
        settings.proxy_manager,
        settings.host_name,
        settings.sessions_max,
        tracing,
        settings.cgroup,
    )
    begun = settings.head_start
    keys = (
        begun.keys if begun else OpenedKeys(settings.password, derives=_sees_repositories(settings))
    )
    with private_socket(settings.run_directory) as path:
        async with await _runtime(settings, path) as runtime, task_group() as tasks:
            seen = _cache_of_sessions(settings)
            sessions = Sessions(runtime, path, keys, attachment.say, tasks, seen)
            server = Server([served(sessions)], [f"unix:{path}"], tracing, reflection=False)
            sessions.expect_found()
            await server.start()
            await sessions.adopt()
            keeping = tasks.create_task(attachment.keep(sessions))
            try:
                await _until_welcomed(attachment, settings.proxy_manager)
                yield
                await _leave(attachment, sessions)
            finally:
                keeping.cancel()
                await server.stop(0.0)
    await asyncio.to_thread(tracing.shut_down)


def _sees_repositories(settings: Settings) -> bool:
    """Whether a repository is at the same path for this process as for its sessions."""
    containers = settings.containers
    return containers is None or not any(":" in said for said in containers.repository)


def _cache_of_sessions(settings: Settings) -> Path | None:
    """The cache directory as sessions see it."""
    if settings.cache_directory is None or settings.containers is None:
        return settings.cache_directory
    return Path(CACHE_DIRECTORY)


async def _runtime(settings: Settings, path: Path) -> DockerRuntime | ProcessRuntime:
    if settings.containers is not None:
        cache = made_cache(settings.cache_directory)
        told = settings.containers, settings.host_name, cache
        engine, plan = await asyncio.to_thread(engine_and_plan, *told)
        return DockerRuntime(
            engine,
            plan,
            settings.run_directory,
            path,
            for_sessions(os.environ),
            settings.containers.warm_sessions,
        )
    program = settings.head_start.program if settings.head_start else None
    return ProcessRuntime(settings.run_directory, settings.session_command, program)


async def _until_welcomed(attachment: Attachment, proxy_manager: str) -> None:
    try:
        async with asyncio.timeout(ATTACH_SECONDS):
            await attachment.welcomed.wait()
    except TimeoutError as error:
        raise NotAttached(
            f"no proxy manager answers at {proxy_manager}; start it, or name another address"
        ) from error


async def _leave(attachment: Attachment, sessions: Sessions) -> None:
    """Takes no more, ends what runs, and lets what was said be committed."""
    attachment.say_goodbye()
    try:
        async with asyncio.timeout(END_SECONDS):
            await sessions.end_all(GRACE_SECONDS, COMMIT_SECONDS)
    except TimeoutError:
        # What cannot even be killed is left to the system; the proxy manager counts it as lost.
        return


@contextmanager
def private_socket(run_directory: Path) -> Iterator[Path]:
    """The path of the sessions' socket, in a directory that only this user and agent use."""
    # In a directory of its own, which containers are shown: they find the next socket in it too.
    path = run_directory / "agent" / "sock"
    if len(os.fsencode(path)) > SOCKET_PATH_MAX:
        raise RunDirectoryUnusable(f"{run_directory} is too long a path; name a shorter one")
    with _locked(run_directory):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.unlink(missing_ok=True)
        yield path
        path.unlink(missing_ok=True)


@contextmanager
def _locked(run_directory: Path) -> Iterator[None]:
    with ExitStack() as undo:
        try:
            run_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            run_directory.chmod(0o700)
            lock = undo.enter_context((run_directory / "agent.lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunDirectoryUnusable(
                f"another container agent uses {run_directory}; name another directory"
            ) from error
        except OSError as error:
            raise RunDirectoryUnusable(
                f"cannot use {run_directory}: {error.strerror}; name another directory"
            ) from error
        yield


FAULTS = (
    PasswordMissing,
    RunDirectoryUnusable,
    NotAttached,
    Refusal,
    MountRefused,
    EngineFailed,
)


@click.command()
@option(
    "--proxy-manager",
    default="127.0.0.1:7602",
    envvar="SLUICEGATE_PROXY_MANAGER",
    help="The proxy manager's address.",
)
@option(
    "--host-name",
    default=socket.gethostname(),
    envvar="SLUICEGATE_HOST_NAME",
    help="This host's name, unique among all.",
)
@option(
    "--sessions-max",
    type=click.IntRange(1, 10000),
    default=os.cpu_count() or 1,
    envvar="SLUICEGATE_SESSIONS_MAX",
    help="Sessions it takes at once.",
)
@option(
    "--run-directory",
    type=click.Path(path_type=Path),
    envvar="SLUICEGATE_RUN_DIRECTORY",
    help="Where the sessions' socket lies.",
)
@option(
    "--password-file",
    type=click.Path(path_type=Path),
    help="Holds the repositories' password. Else SLUICEGATE_PASSWORD_FILE, ...",
)
@option(
    "--cache-directory",
    type=click.Path(path_type=Path),
    envvar=CACHE_VARIABLE,
    help="Where sessions share the index of a large repository, on a disk of this host; by default"
    " below ~/.cache.",
)
@option(
    "--cgroup",
    default="",
    show_default=False,
    envvar="SLUICEGATE_CGROUP",
    help="The control group whose load is this host's, where that is a part of a machine.",
)
@container_options
def container_agent(
    proxy_manager: str,
    host_name: str,
    sessions_max: int,
    run_directory: Path | None,
    password_file: Path | None,
    cache_directory: Path | None,
    cgroup: str,
    **said_of_containers: object,
) -> None:
    """Offers this host to a proxy manager until SIGTERM or SIGINT."""
    set_up_logs("container-agent")
    run_directory = run_directory or _default_run_directory()
    containers = settings_of(said_of_containers)
    with told("container-agent", *FAULTS):
        password = find_password(password_file, os.environ)
        cache = find_cache_directory(cache_directory, os.environ, in_containers=bool(containers))
        settings = Settings(
            proxy_manager,
            host_name,
            sessions_max,
            run_directory,
            lambda: password,
            containers=containers,
            cgroup=cgroup,
            cache_directory=cache,
        )
        serve(running(settings), lambda _: f"{host_name} attached to {proxy_manager}")


def _default_run_directory() -> Path:
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(base) / f"sluicegate-{os.getuid()}"


def main() -> None:
    """The console script."""
    container_agent()


if __name__ == "__main__":
    main()
