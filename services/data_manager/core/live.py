"""A run that is not over, with what is at hand of its slices."""

import math
from collections import Counter
from dataclasses import dataclass, field

from data_manager.core.kinds import BODIES, CLOSING_NUMBER, OPENING_NUMBER, slice_id
from data_manager.core.model import Counts, Run, Slice, SliceState, UnreadFile
from data_manager.core.queues import Queue
from data_manager.core.turns import Contender

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 5.0


@dataclass
class Live:
    """A run that is not over.

    `slices` are those in flight, those of the queue's window, and what it opens and closes with;
    `tally` counts all. `streams` are the sessions that hold slices of it, and those made for it
    alone that are not over yet; `ending` those that must be over before a stopped run is.
    `hedges` are the slices that are done a second time, with the sessions that do; `began` when
    running slices began and `times` what those took that are done, for those that may be.
    `told` is what the running slice says of how far it is, where counts say nothing; or of what it
    waits for.
    `closing_number` is that of the slice that it ends with: of the first one that was not called
    off. `starved` when places were asked for and none was got. It is at hand since `added_time`.
    """

    run: Run
    begun: int
    waiting_since: float
    slices: dict[str, Slice] = field(default_factory=dict)
    queue: Queue = field(default_factory=Queue)
    tally: Counter[SliceState] = field(default_factory=Counter)
    streams: Counter[str] = field(default_factory=Counter)
    ending: set[str] = field(default_factory=set)
    reserving: int = 0
    progress: dict[str, Counts] = field(default_factory=dict)
    told: str = ""
    unread: list[UnreadFile] = field(default_factory=list)
    unread_bytes: int = 0
    turns: int = 0
    closing_number: int = CLOSING_NUMBER
    starved: bool = False
    delay: float = FIRST_DELAY_SECONDS
    ask_time: float = 0.0
    stop_by: float | None = None
    hedges: dict[str, str] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    times: list[int] = field(default_factory=list)
    slice_seconds: float | None = None
    pace: float | None = None
    contender: Contender | None = None
    added_time: float = 0.0

    @property
    def opening(self) -> Slice | None:
        """The slice that it began with, while it is not done."""
        return self.slices.get(slice_id(self.run.run_id, OPENING_NUMBER))

    @property
    def closing(self) -> Slice | None:
        """The slice that it ends with, once there is one."""
        return self.slices.get(slice_id(self.run.run_id, self.closing_number))

    @property
    def room(self) -> int:
        """How many more streams its parallel setting allows (R56)."""
        return self.run.request.options.streams - len(self.streams)

    def seconds(self, slice_: Slice) -> float:
        """How long a slice will take, by its prediction and how true these were so far; of what
        opens or closes a run nothing is known."""
        if slice_.kind not in BODIES:
            return math.inf
        return slice_.predicted_ms / 1000 * (1.0 if self.pace is None else self.pace)

    @property
    def running(self) -> int:
        """How many streams run, or are about to."""
        return len(self.streams) - self.reserving

    @property
    def open_slices(self) -> int:
        """How many slices are not terminal."""
        return sum(count for state, count in self.tally.items() if not state.terminal)
