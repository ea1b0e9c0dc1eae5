"""What containers use of their host, from their control groups.

Engines tell it too, but a second late and at the cost of a second.
"""

import time
from dataclasses import dataclass

from container_agent.host.control_group import ControlGroup

# Where engines put a container's group: below its parent, or, by way of systemd, in a scope.
PLACES = ("{parent}/{id}", "{parent}/docker-{id}.scope")


@dataclass(frozen=True)
class Usage:
    """Processors of late, 1 being a whole one, and memory."""

    cpus: float
    memory_bytes: int


class UsageMeter:
    """Measures one container between two readings."""

    def __init__(self, parent: str, container_id: str) -> None:
        names = [place.format(parent=parent.strip("/"), id=container_id) for place in PLACES]
        self._groups = [ControlGroup(name) for name in names]
        self._before: tuple[float, float] | None = None

    def read(self) -> Usage | None:
        """What it uses; None where that cannot be told, and at the first reading."""
        for group in self._groups:
            if (used := group.cpu_seconds()) is not None:
                break
        else:
            return None
        now, before = time.monotonic(), self._before
        self._before = (now, used)
        if before is None or now <= before[0]:
            return None
        return Usage((used - before[1]) / (now - before[0]), group.memory_bytes() or 0)
