"""How a backup is to be done, as its user chose; what is empty or 0 is left to the data manager."""

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
