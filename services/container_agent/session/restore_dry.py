"""A restore that writes nothing and counts what one would write."""

import os

from container_agent.repository.repository import Repository
from container_agent.session.restore_entries import Entry
from container_agent.session.restore_existing import Existing, places_of
from container_agent.session.restore_walk import Reach, Selection
from container_agent.session.tally import Tally
from container_agent.storage.walk import CLOSED, DIRECTORY_FLAGS, Components
from sluicegate.v1 import slice_pb2


def restore_dry(work: slice_pb2.RestoreWork, repository: Repository, tally: Tally) -> None:
    """Counts the entries of the span that would be written, and the files that would stay."""
    selection, reach = Selection(repository, work.plan), Reach.of(work.span)
    existing = Existing(work.plan)
    for above, entries in selection.runs(reach):
        tally.check()
        directory = opened(work.plan.target, above)
        try:
            for entry in entries:
                if not reach.bytes_of((*above, entry.name))[0]:
                    count(entry, directory, existing, repository, tally)
        finally:
            if directory != CLOSED:
                os.close(directory)


def count(
    entry: Entry, directory: int, existing: Existing, repository: Repository, tally: Tally
) -> None:
    """Counts one entry."""
    if entry.is_directory:
        tally.directories += 1
        return
    stays = directory != CLOSED and existing.stays(directory, entry)
    if not entry.is_file:
        tally.others += not stays
        return
    if not stays and directory != CLOSED:
        stays = existing.is_the_same(directory, entry, places_of(entry, repository))
    if stays:
        tally.unchanged_files += 1
    else:
        tally.files += 1
        tally.seen_bytes += entry.size


def opened(target: bytes, path: Components) -> int:
    """A descriptor of a directory of a target, or CLOSED where there is none. No link below the
    target is followed."""
    try:
        found = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return CLOSED
    for name in path:
        above = found
        try:
            found = os.open(name, DIRECTORY_FLAGS, dir_fd=above)
        except OSError:
            return CLOSED
        finally:
            os.close(above)
    return found
