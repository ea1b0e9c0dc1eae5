"""Slices on their way to a session, with all that their work needs to be said."""

from collections.abc import Sequence
from dataclasses import dataclass

from data_manager.core.model import Slice, Task


@dataclass(frozen=True)
class Assignment:
    """A task, the trace that it belongs to, and for a seal the slices whose records it joins."""

    task: Task
    traceparent: str
    records: Sequence[Slice] = ()
