"""All three services in this process, for as long as one command takes.

The same code and the same calls as when they are deployed apart, on unix sockets that nobody else
can reach.
"""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from container_agent import __main__ as container_agent
from container_agent.host.cache import find_cache_directory
from container_agent.host.head_start import HeadStart
from data_manager import __main__ as data_manager
from proxy_manager import __main__ as proxy_manager
from sluicegate.scratch import private_directory


@asynccontextmanager
async def embedded(streams: int, begun: HeadStart) -> AsyncIterator[str]:
    """The address of a data manager that has this machine as its only proxy host, with room for
    `streams` sessions. Sessions, sockets and database are gone when the block ends."""
    with private_directory() as home:
        async with (
            proxy_manager.running(
                proxy_manager.Settings((f"unix:{home}/proxies",), reflection=False)
            ) as [proxies],
            # The host leaves first: what its sessions say last is still committed.
            data_manager.running(
                data_manager.Settings(
                    (f"unix:{home}/data",), proxies, home / "data.db", reflection=False
                )
            ) as [address],
            container_agent.running(
                container_agent.Settings(
                    proxies,
                    host_name(),
                    streams,
                    home / "host",
                    begun.keys.password,
                    head_start=begun,
                    cache_directory=find_cache_directory(None, os.environ),
                )
            ),
        ):
            yield address


def host_name() -> str:
    """This machine's name, as far as a proxy host may be named so."""
    kept = "".join(c for c in socket.gethostname() if c.isascii() and (c.isalnum() or c in "._-"))
    return kept[:64] or "localhost"
