"""What is kept of a simulated world to draw it: which session worked on what, from when to when."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from data_manager.core.model import Slice


@dataclass(frozen=True)
class Bar:
    """One attempt at a slice; `done` is false if it was cut short. Times in seconds."""

    host_name: str
    session_id: str
    slice: Slice
    start: float
    stop: float
    done: bool


@dataclass(frozen=True)
class Stay:
    """One container: ordered, answering (or never), gone. Times in seconds."""

    host_name: str
    session_id: str
    ordered: float
    born: float
    gone: float


@dataclass
class Drawing:
    """All that was worked on, all containers that there were, and what slices waited for, in
    seconds of each slice."""

    bars: list[Bar] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    waits: Mapping[str, float] = field(default_factory=dict)
