"""What travels to a session: its work, and more of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from data_manager.core.model import Slice, Task


@dataclass(frozen=True)
class Work:
    """What a session begins with. Unless it is fed, it ends when it has done that.

    `records` has for the run of each closing slice the slices that it is to fold.
    """

    session_id: str
    fed: bool
    tasks: tuple[Task, ...]
    records: Mapping[str, tuple[Slice, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Food:
    """More slices for a session that runs."""

    session_id: str
    tasks: tuple[Task, ...]
    records: Mapping[str, tuple[Slice, ...]] = field(default_factory=dict)
