"""A proxy host as deployed, whose sessions do nothing: `python -m bench.idle_host ADDRESS NAME
SESSIONS DIRECTORY`."""

import asyncio
import sys
from pathlib import Path

from container_agent.__main__ import Settings, running
from sluicegate.rpc.logs import set_up_logs
from sluicegate.rpc.signals import until_signalled

IDLE_SESSION = (sys.executable, "-m", "bench.idle_session")


async def serve(address: str, name: str, sessions: str, directory: str) -> None:
    """Offers a host until it is told to end."""
    settings = Settings(
        address, name, int(sessions), Path(directory), lambda: b"none", session_command=IDLE_SESSION
    )
    async with running(settings):
        print("ready", flush=True)
        await until_signalled()


if __name__ == "__main__":
    set_up_logs("container-agent")
    asyncio.run(serve(*sys.argv[1:]))
