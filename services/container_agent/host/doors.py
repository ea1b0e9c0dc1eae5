"""Named pipes by which containers hear who they are, and what is kept of who is in which.

A container opens its pipe when it is ready. What is kept outlives this process, so that the next
one knows the sessions it finds; the token is not kept, only what tells it.
"""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from container_agent.host.birth import Birth, encode_birth
from container_agent.host.session import digest

DOOR = ".door"
SESSION = ".session"


@dataclass(frozen=True)
class Inhabitant:
    """The session that lives in a container."""

    session_id: str
    data_manager_id: str
    token_digest: str


class Doors:
    """The pipes and records of a host's containers, in a directory of their own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, exist_ok=True)

    def make(self, name: str) -> Path:
        """The pipe of a container that is to be made."""
        door = self._of(name, DOOR)
        os.mkfifo(door, 0o600)
        return door

    def open(self, name: str) -> int | None:
        """The pipe, for `tell`, once the container waits at it; None before."""
        with suppress(OSError):
            return os.open(self._of(name, DOOR), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        return None

    def tell(self, door: int, name: str, birth: Birth, data_manager_id: str) -> None:
        """Lets a session in: first it is on record, then the container hears of it."""
        record = self._of(name, SESSION)
        lives = Inhabitant(birth.session_id, data_manager_id, digest(birth.token))
        unfinished = record.with_suffix(".new")
        unfinished.write_text(json.dumps(asdict(lives)))
        unfinished.rename(record)
        try:
            message = encode_birth(birth)
            if os.write(door, message) < len(message):
                raise OSError(errno.E2BIG, "what it is told is too long")
        finally:
            os.close(door)

    def inhabitant(self, name: str) -> Inhabitant | None:
        """Who lives in a container, if anyone was let in."""
        try:
            return Inhabitant(**json.loads(self._of(name, SESSION).read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def remove(self, name: str) -> None:
        """Forgets a container that is gone."""
        for suffix in (DOOR, SESSION):
            self._of(name, suffix).unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        """The containers that something is kept of."""
        return (path.stem for path in sorted(self._directory.glob(f"*{DOOR}")))

    def _of(self, name: str, suffix: str) -> Path:
        return self._directory / f"{name}{suffix}"
