"""The three services in the foreground, for other clients."""

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

from container_agent import __main__ as container_agent
from container_agent.host.cache import find_cache_directory
from data_manager import __main__ as data_manager
from proxy_manager import __main__ as proxy_manager
from sluicegate.cli.failures import CommandError
from sluicegate.cli.passwords import find_password
from sluicegate.embedded import host_name
from sluicegate.rpc.logs import set_up_logs
from sluicegate.rpc.signals import until_signalled
from sluicegate.scratch import private_directory


def up(
    data_address: str,
    proxy_address: str,
    state: Path | None,
    sessions: int,
    policy: str,
    password_file: Path | None,
) -> None:
    """Serves until SIGTERM or SIGINT. Runs that are not over go on when it is started again."""
    password = find_password(password_file)
    database = _state_directory(state) / "data-manager.db"
    set_up_logs("sluicegate")
    asyncio.run(_serve(data_address, proxy_address, database, sessions, policy, password))


async def _serve(
    data_address: str,
    proxy_address: str,
    database: Path,
    sessions: int,
    policy: str,
    password: bytes,
) -> None:
    # Before the lines that tell others that it runs, since they may then tell it to end.
    signalled = asyncio.create_task(until_signalled())
    async with AsyncExitStack() as stack:
        home = stack.enter_context(private_directory())
        [proxies] = await stack.enter_async_context(
            proxy_manager.running(proxy_manager.Settings((proxy_address,)))
        )
        [data] = await stack.enter_async_context(
            data_manager.running(
                data_manager.Settings((data_address,), proxies, database, queue_policy=policy)
            )
        )
        # The host leaves first: what its sessions say last is still committed.
        await stack.enter_async_context(
            container_agent.running(
                container_agent.Settings(
                    proxies,
                    host_name(),
                    sessions,
                    home / "host",
                    lambda: password,
                    cache_directory=find_cache_directory(None, os.environ),
                )
            )
        )
        print(f"data manager   {data}\nproxy manager  {proxies}", flush=True)
        await signalled


def _state_directory(given: Path | None) -> Path:
    """Where what must outlive this process lies."""
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    state = (given or Path(home, "sluicegate")).absolute()
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"cannot make the directory {state}: {error.strerror}") from None
    return state
