"""How a backup is to be done, as its user chose; what is empty or 0 is left to the data manager."""

from pathlib import Path
from typing import NamedTuple


class Choices(NamedTuple):
    """The options of `sluicegate backup` that the data manager decides by."""

    method: str
    streams: int
    slices_per_session: int
    slice_bytes: int
    order: str
    priority: int
    weight: int
    hedge: bool
    storage_wait_seconds: int
    read_bytes_per_second: int = 0


class Excluding(NamedTuple):
    """What a backup passes over. `files` hold more patterns, which come after the others."""

    patterns: tuple[str, ...] = ()
    insensitive_patterns: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    if_present: tuple[str, ...] = ()
    caches: bool = False
    one_file_system: bool = False
    larger_than_bytes: int = 0


class Calendar(NamedTuple):
    """A time by the calendar."""

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0


class Retention(NamedTuple):
    """Which snapshots a forget is about, what of each group it keeps, and whether in earnest."""

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within: Calendar = Calendar()
    within_hourly: Calendar = Calendar()
    within_daily: Calendar = Calendar()
    within_weekly: Calendar = Calendar()
    within_monthly: Calendar = Calendar()
    within_yearly: Calendar = Calendar()
    keep_tags: tuple[tuple[str, ...], ...] = ()
    hosts: tuple[str, ...] = ()
    tags: tuple[tuple[str, ...], ...] = ()
    paths: tuple[str, ...] = ()
    group_by: frozenset[str] = frozenset(("host", "paths"))
    dry_run: bool = False
    allow_none: bool = False

    @property
    def keeps_some(self) -> bool:
        """Whether there is a policy."""
        return any(self[:6]) or any(map(any, self[6:12])) or bool(self.keep_tags)
