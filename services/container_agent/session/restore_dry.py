"""A restore that writes nothing and counts what one would write."""

import os
from collections.abc import Sequence
from functools import partial

from container_agent.repository.repository import Repository
from container_agent.session.restore_entries import Entry, small_files_alone
from container_agent.session.restore_existing import Existing, places_of
from container_agent.session.restore_links import HardLinks
from container_agent.session.restore_walk import Reach, Selection
from container_agent.session.tally import Tally
from container_agent.storage.beneath import open_beneath
from container_agent.storage.walk import CLOSED, Components
from sluicegate.v1 import slice_pb2


def restore_dry(work: slice_pb2.RestoreWork, repository: Repository, tally: Tally) -> None:
    """Counts the entries of the span that would be written, and the files that would stay."""
    selection, reach = Selection(repository, work.plan), Reach.of(work.span)
    counting = Counting(work.plan, repository, tally)
    for above, entries in selection.runs(reach):
        begun = [e for e in entries if not reach.bytes_of((*above, e.name))[0]]
        counting.count(above, [entry for entry in begun if not entry.is_hard_linked])


def count_linked(work: slice_pb2.RestoreFinishWork, repository: Repository, tally: Tally) -> None:
    """Counts the hard-linked files of a snapshot, which the finish would write."""
    needless = partial(small_files_alone, range_bytes=work.range_bytes)
    selection = Selection(repository, work.plan, needless)
    counting = Counting(work.plan, repository, tally)
    for above, entries in selection.runs():
        counting.count(above, [entry for entry in entries if entry.is_hard_linked])


class Counting:
    """Counts what would be written instead of writing it."""

    def __init__(self, plan: slice_pb2.RestorePlan, repository: Repository, tally: Tally) -> None:
        self._target = plan.target
        self._existing = Existing(plan)
        self._repository = repository
        self._tally = tally
        self._links = HardLinks()

    def count(self, above: Components, entries: Sequence[Entry]) -> None:
        """Counts entries of one directory."""
        self._tally.check()
        directory = opened(self._target, above) if entries else CLOSED
        try:
            for entry in entries:
                self._count(above, entry, directory)
        finally:
            if directory != CLOSED:
                os.close(directory)

    def _count(self, above: Components, entry: Entry, directory: int) -> None:
        tally = self._tally
        if entry.is_directory:
            tally.directories += 1
            return
        stays = directory != CLOSED and self._stays(entry, directory)
        first = None
        if entry.is_hard_linked:
            first = self._links.meet(entry.told, None if stays else (*above, entry.name))
        if not entry.is_file:
            tally.others += not stays
        elif stays:
            tally.unchanged_files += 1
        else:
            tally.files += 1
            tally.seen_bytes += entry.size if first is None else 0

    def _stays(self, entry: Entry, directory: int) -> bool:
        if self._existing.stays(directory, entry):
            return True
        if not entry.is_file or entry.is_hard_linked:
            return False
        return self._existing.is_the_same(directory, entry, places_of(entry, self._repository))


def opened(target: bytes, path: Components) -> int:
    """A descriptor of a directory of a target, or CLOSED where there is none. No link below the
    target is followed."""
    try:
        root = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return CLOSED
    try:
        return open_beneath(root, path)
    except OSError:
        return CLOSED
    finally:
        os.close(root)
