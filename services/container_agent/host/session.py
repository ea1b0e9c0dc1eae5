"""One session of this host, and the container it runs in."""

import asyncio
import hashlib
import secrets
from typing import Protocol

from container_agent.host.relay import Relay
from container_agent.host.usage import Usage
from sluicegate.rpc.mailbox import Mailbox
from sluicegate.v1 import session_service_pb2 as session_pb

COMMANDS_MAX = 10_000
# A session of many small slices is told once a second how far they are committed, not after each:
# to tell it costs as much as to hear of ten slices. It would say them again after five.
ACKNOWLEDGE_SECONDS = 1.0


class Container(Protocol):
    """What a session runs in. `out_of_memory` tells of one that is gone that this is why; `mark`,
    if it has one, is how its locks in a repository are known."""

    @property
    def mark(self) -> str: ...

    @property
    def out_of_memory(self) -> bool: ...

    def usage(self) -> Usage | None:
        """What it uses of its host, where that can be told."""

    def kill(self) -> None:
        """Ends it at once."""

    async def wait(self) -> str:
        """Returns when it is confirmed gone: how it ended, in one line."""


class Session:
    """One session of this host. `commands` waits for it, whether it said hello yet or not."""

    def __init__(
        self, session_id: str, data_manager_id: str, token: str = "", token_digest: str = ""
    ) -> None:
        self.session_id = session_id
        self.data_manager_id = data_manager_id
        self.token = token
        # What is kept of the token where a session may outlive this process.
        self.token_digest = token_digest or digest(token)
        # What is told of its end comes after all that it may have told before this process was.
        self.last_number = 0
        self.commands: Mailbox[session_pb.RunResponse] = Mailbox(COMMANDS_MAX)
        self._held: list[session_pb.RunResponse] | None = None
        self.relay = Relay()
        self.room = asyncio.Event()
        self.hello = asyncio.Event()
        self.heard_out = asyncio.Event()
        self.container: Container | None = None
        self.started = False
        self.location = ""
        self.draining = False
        self._soon: asyncio.TimerHandle | None = None
        self.killed = False
        self.goodbye = False
        self.gone = False

    def is_named(self, token: str) -> bool:
        """Whether this is its token."""
        return secrets.compare_digest(self.token_digest, digest(token))

    def resume(self, standing: session_pb.SessionStanding) -> None:
        """It was up before this process was, and says how far it is."""
        self.started, self.location = standing.started, standing.location
        self.last_number = standing.last_outcome_number
        self.relay.resume(standing.through_outcome_number)
        self.tell_acknowledged()

    def end_number(self) -> int:
        """The number of the outcome that tells its end."""
        return max(self.last_number, self.relay.last_number) + 1

    def kill(self) -> None:
        """Ends it at once, or as soon as there is something to end."""
        self.killed = True
        if self.container is not None:
            self.container.kill()

    def stop(self, grace_seconds: float) -> None:
        """Ends it: asked first when there is a grace and someone to ask, killed after."""
        if grace_seconds <= 0 or not self.started:
            self.kill()
            return
        self.drain(session_pb.RunResponse(cancel=session_pb.SessionCancel()))
        asyncio.get_running_loop().call_later(grace_seconds, self.kill)

    def acknowledge(self, through_number: int) -> None:
        """Outcomes are committed: they are dropped here. The session is told soon; at once when it
        is to end, as it may wait for nothing else."""
        self.relay.acknowledge(through_number)
        self.room.set()
        if self.draining:
            self.tell_acknowledged()
        elif self._soon is None:
            loop = asyncio.get_running_loop()
            self._soon = loop.call_later(ACKNOWLEDGE_SECONDS, self.tell_acknowledged)

    def tell_acknowledged(self) -> None:
        """Tells it how far its outcomes are committed."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        through = session_pb.Acknowledgement(through_outcome_number=self.relay.acknowledged)
        self.send(session_pb.RunResponse(acknowledge=through))

    def drain(self, command: session_pb.RunResponse) -> None:
        """Passes on that it is to end, with what it was not told yet."""
        self.draining = True
        self.send(command)
        if self._soon is not None:
            self.tell_acknowledged()

    def hold(self) -> None:
        """Keeps commands back until it begins."""
        self._held = []

    def begin(self, start: session_pb.RunResponse) -> None:
        """Sends its work, and then what was kept back."""
        held, self._held = self._held or [], None
        self.draining |= start.start.work.drain
        for command in (start, *held):
            self.send(command)

    def send(self, command: session_pb.RunResponse) -> None:
        """Sends a command. One that has let thousands lie hangs, and is ended."""
        if self._held is not None:
            self._held.append(command)
            return
        if not self.commands.put(command) and not self.commands.closed:
            self.kill()

    async def until_room(self) -> None:
        """Waits while too much that it said is not committed."""
        while self.relay.full:
            self.room.clear()
            await self.room.wait()


def digest(token: str) -> str:
    """What tells a token and does not give it away."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_token() -> str:
    """A secret that nobody guesses."""
    return secrets.token_urlsafe(32)
