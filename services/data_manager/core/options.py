"""What a user may choose for a run, and what an operator chooses for the data manager."""

from dataclasses import dataclass
from enum import StrEnum


class Method(StrEnum):
    """How slices become sessions (R92: any of them side by side)."""

    BATCH = "batch"
    PER_SLICE = "per_slice"
    CONTINUOUS = "continuous"
    AUTO = "auto"


class QueuePolicy(StrEnum):
    """Which asset's queue is next (R24 to R27)."""

    FAIR = "fair"
    RANDOM = "random"
    MOST_REMAINING = "most_remaining"
    LEAST_REMAINING = "least_remaining"
    PRIORITY = "priority"
    FIRST_COME = "first_come"


class SliceOrder(StrEnum):
    """Which slice of a queue is next. What is put back goes to the end in either."""

    IN_ORDER = "in_order"
    LONGEST_FIRST = "longest_first"


class Overwrite(StrEnum):
    """What of a restore's target gives way to what is restored."""

    ALWAYS = "always"
    IF_CHANGED = "if_changed"
    IF_NEWER = "if_newer"
    NEVER = "never"


@dataclass(frozen=True)
class Options:
    """How a run is to be done, with the defaults filled in.

    `streams` is the user's parallel setting (R54), `slices_per_session` is N (R34). `weight` is
    the asset's share beside others under the policy fair, `priority` its importance under that
    policy, more is sooner. With `hedge` a slice that takes far longer than the others is started a
    second time near the end. `storage_wait_seconds` is how long it waits, at a stretch, for
    backup storage that is away or full.
    """

    streams: int = 4
    slices_per_session: int = 8
    slice_bytes: int = 128 << 20
    slice_files: int = 5_000
    range_bytes: int = 64 << 20
    method: Method = Method.BATCH
    order: SliceOrder = SliceOrder.IN_ORDER
    weight: int = 1
    priority: int = 0
    hedge: bool = False
    storage_wait_seconds: int = 86_400
