"""The kinds of runs: what each opens with, is cut into, and closes with."""

from dataclasses import dataclass

from data_manager.core.model import Failure, RunKind, SliceKind


@dataclass(frozen=True)
class Shape:
    """The slices of a kind of run: one opening, as many bodies as it cuts, one closing."""

    opening: SliceKind
    body: SliceKind | None = None
    closing: SliceKind | None = None
    bodies_max: int = 1_000_000


# A seal names the record of every slice in one message.
SHAPES = {
    RunKind.BACKUP: Shape(SliceKind.CRAWL, SliceKind.COPY, SliceKind.SEAL, bodies_max=10_000),
    RunKind.RESTORE: Shape(SliceKind.RESTORE_CRAWL, SliceKind.RESTORE, SliceKind.RESTORE_FINISH),
    RunKind.VERIFY: Shape(SliceKind.VERIFY, SliceKind.VERIFY_PACKS),
    RunKind.MAINTENANCE: Shape(SliceKind.MAINTAIN),
}
BODIES = frozenset(shape.body for shape in SHAPES.values() if shape.body)
# What a crawl sees is seen again by the slices that it cuts, and counted there.
UNCOUNTED = frozenset((SliceKind.CRAWL, SliceKind.RESTORE_CRAWL))
# These may pass: the slice is put back. Of the others all but CANCELLED fail the run at once.
PASSING = frozenset(
    (
        Failure.TRANSIENT,
        Failure.SESSION_LOST,
        Failure.REPOSITORY_LOCKED,
        Failure.INTERNAL,
        Failure.OUT_OF_MEMORY,
    )
)

OPENING_NUMBER = 0
CLOSING_NUMBER = -1


def slice_id(run_id: str, number: int) -> str:
    """The name of a slice, for ever."""
    return f"{run_id}:{closing_name(number) if closes(number) else number}"


def closes(number: int) -> bool:
    """True for a closing. There may be several of a run: -1, and -2 if that was called off."""
    return number <= CLOSING_NUMBER


def closing_name(number: int) -> str:
    """`close`, `close2`, `close3`."""
    return "close" if number == CLOSING_NUMBER else f"close{-number}"


def run_of(slice_id: str) -> str:
    """The run that a slice's name belongs to."""
    return slice_id.rpartition(":")[0]
