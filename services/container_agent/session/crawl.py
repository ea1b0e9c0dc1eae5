"""CRAWL: walks the snapshot and cuts it into slices, and finds the parent."""

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence

from container_agent.repository.repository import Repository
from container_agent.repository.snapshots import path_text
from container_agent.session.cutting import SparseSize, cut
from container_agent.session.tally import Tally
from container_agent.session.walking import Walking, lost, place_of
from container_agent.storage.read import ALLOCATED_BYTES, Holes, open_file
from container_agent.storage.walk import ENTER, FILE, OTHER, PIECE, Components, Directory, Place
from sluicegate.v1 import outcome_pb2, slice_pb2

CUTS_AT_ONCE = 64
# A slice that is cut waits no longer than this for others to be told with it. The first does not
# wait, and the next ones little: there are streams that have nothing to do yet.
SOON_SECONDS = 0.005
TELL_SECONDS = 0.2

Report = Callable[[Sequence[outcome_pb2.Cut], bytes], None]


def crawl(
    work: slice_pb2.CrawlWork, repository: Repository, report_cuts: Report, tally: Tally
) -> bytes:
    """Tells the cuts from `work.start` on while it walks. Returns the parent's id, if there is one.

    Raises SourceLost when nothing at the root can be read.
    """
    parent_id = find_parent(repository, work.source, work.hostname)
    waiting: list[outcome_pb2.Cut] = []
    tell_time, tell_seconds = 0.0, SOON_SECONDS
    start = place_of(work.start)
    for made in cut(entries(work, start, tally), start, work.cutting):
        waiting.append(made)
        now = time.monotonic()
        if len(waiting) >= CUTS_AT_ONCE or now >= tell_time:
            report_cuts(waiting, parent_id)
            waiting, tell_time = [], now + tell_seconds
            tell_seconds = min(2 * tell_seconds, TELL_SECONDS)
    if waiting:
        report_cuts(waiting, parent_id)
    return parent_id


def find_parent(repository: Repository, source: bytes, hostname: str) -> bytes:
    """The id of the last repository snapshot of the same path that bears the host's name, or this
    host's if none is given; empty for none."""
    path, hostname = path_text(source), hostname or socket.gethostname()
    found = [
        snapshot
        for snapshot in repository.snapshots()
        if snapshot.hostname == hostname and list(snapshot.paths) == [path]
    ]
    latest = max(found, key=lambda snapshot: snapshot.time_ns, default=None)
    return latest.snapshot_id if latest is not None else b""


def entries(
    work: slice_pb2.CrawlWork, start: Place, tally: Tally
) -> Iterator[tuple[Components, int]]:
    """The entries of a walk with the sizes of files, counted. What cannot be read is not listed
    here but by the slice that tries to copy it."""
    quiet = Tally(stopping=tally.stopping)
    source, range_bytes = work.source, work.cutting.range_bytes
    walking = Walking(source, start, None, quiet, work.excludes)
    for kind, directory, name in walking:
        tally.check()
        if kind in (FILE, PIECE):
            size = size_of(source, directory, name, range_bytes)
            tally.files += 1
            tally.seen_bytes += size
            yield directory.below(name), size
        elif kind == ENTER:
            tally.directories += 1
            yield directory.path or (), 0
        elif kind == OTHER:
            tally.others += 1
            yield directory.below(name), 0


def size_of(source: bytes, directory: Directory, name: bytes, range_bytes: int) -> int:
    """The size of a file as it is now, none when it cannot be seen. A root must be readable."""
    try:
        if directory.path is None:
            descriptor, status = open_file(directory.descriptor, name)
            os.close(descriptor)
        else:
            status = os.stat(name, dir_fd=directory.descriptor, follow_symlinks=False)
    except OSError as error:
        if directory.path is None:
            raise lost(source, error) from error
        return 0
    if range_bytes < status.st_size and status.st_blocks * ALLOCATED_BYTES < status.st_size:
        return sparse_size(directory.descriptor, name, range_bytes)
    return status.st_size


def sparse_size(directory: int, name: bytes, range_bytes: int) -> int:
    """The size of a file that may have holes."""
    try:
        descriptor, status = open_file(directory, name)
    except OSError:
        return 0
    try:
        holes, size = Holes(descriptor, status), status.st_size
        starts = range(0, size, range_bytes)
        ranges = [holes.data_bytes(at, min(at + range_bytes, size)) for at in starts]
    finally:
        os.close(descriptor)
    return SparseSize.of(size, ranges)
