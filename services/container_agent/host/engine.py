"""A container engine, as far as a host agent needs one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

# What is asked of an engine side by side.
CALLS_AT_ONCE = 16


class EngineFailed(Exception):
    """The engine does not answer, or refuses; the message says why, in one line."""


class ImageMissing(EngineFailed):
    """The engine has no such image."""


@dataclass(frozen=True)
class Listed:
    """A container of this host, as the engine lists it."""

    name: str
    running: bool
    container_id: str = ""


@dataclass(frozen=True)
class End:
    """How a container ended."""

    exit_code: int
    out_of_memory: bool
    last_line: str


class Engine(Protocol):
    """Makes, lists and removes the containers of one host, which bear its name as a label.

    Its calls block, each with a deadline, and raise EngineFailed.
    """

    def create(self, name: str, fields: Mapping[str, object]) -> None:
        """Makes a container; it does not run yet."""

    def start(self, name: str) -> None:
        """Starts a container."""

    def remove(self, name: str) -> None:
        """Ends what runs in a container, paused or not; returns when there is no such container."""

    def listed(self) -> list[Listed]:
        """The containers of this host, whether they run or not."""

    def end_of(self, name: str) -> End | None:
        """How a container that does not run any more ended; None when it is not there."""

    def watch(self, happened: Callable[[], object]) -> None:
        """Calls whenever something happens to a container of this host, until the engine is silent
        or gone. What happened while nobody watched is not told."""
