"""What the host agent says to a session that begins."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Birth:
    """Who a session is and how it reaches its host agent. The token is nobody else's to know.

    A session whose call breaks dials again for `redial_seconds`: one that lives apart from its host
    agent may outlive it. `environment` is what it must not inherit, as others could read it there:
    credentials of object stores.
    """

    session_id: str
    token: str
    socket: str
    redial_seconds: float = 0.0
    environment: Mapping[str, str] = field(default_factory=dict)


def encode_birth(birth: Birth) -> bytes:
    """A birth as it is sent."""
    return json.dumps(asdict(birth)).encode()


def decode_birth(message: bytes) -> Birth:
    """A birth as it was sent."""
    said: dict[str, Any] = json.loads(message)
    return Birth(**said)
