"""What makes the containers of sessions: the port of a host agent."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from container_agent.host.session import Container

# How long a container may take until it has said hello.
START_SECONDS = 20.0


class StartFailed(Exception):
    """A container could not be started; nothing of it is left."""


@dataclass(frozen=True)
class Found:
    """A container that an earlier process of this host agent started for a session."""

    session_id: str
    data_manager_id: str
    token_digest: str
    container: Container


class Runtime(Protocol):
    """What makes containers: the port that this module needs."""

    async def create(
        self, session_id: str, token: str, socket: Path, data_manager_id: str
    ) -> Container:
        """Starts a session that will say hello on the socket; StartFailed when it cannot."""

    def found(self) -> Sequence[Found]:
        """The containers of sessions that were there before this process was, and still run."""
