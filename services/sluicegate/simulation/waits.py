"""What the slices of a simulated world wait for, and for how long, by the core's own word."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from data_manager.core.explaining import WaitReason
from data_manager.core.model import SliceState

if TYPE_CHECKING:
    from sluicegate.simulation.world import World

# Looked at ever more seldom: each time counts for a fiftieth of the time so far.
SHARE = 0.02
SECONDS_LEAST = 0.05


class Waits:
    """Seconds of slices, by the weightiest reason that each has to wait; `seconds` is the sum."""

    def __init__(self, world: World) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._world = world

    def look(self) -> None:
        """Looks at all that waits now, and again later until every run has ended."""
        if self._world.over:
            return
        step = max(SECONDS_LEAST, SHARE * self._world.agenda.now)
        for data_manager in self._world.data_managers:
            orchestrator = data_manager.orchestrator
            for run_id, live in orchestrator.state.lives.items():
                if live.tally[SliceState.RESERVED]:
                    starting = live.tally[SliceState.RESERVED] * step
                    self.seconds[WaitReason.RESERVING] += starting
                if len(live.queue):
                    [reason, *_] = orchestrator.explain(run_id, None, 0).reasons
                    self.seconds[reason] += len(live.queue) * step
        self._world.agenda.after(step, self.look)
