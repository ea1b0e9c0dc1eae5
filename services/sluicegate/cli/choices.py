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


class Excluding(NamedTuple):
    """What a backup passes over. `files` hold more patterns, which come after the others."""

    patterns: tuple[str, ...] = ()
    insensitive_patterns: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    if_present: tuple[str, ...] = ()
    caches: bool = False
    one_file_system: bool = False
    larger_than_bytes: int = 0
