"""The restore drill: some files, drawn anew each time, are restored aside and compared."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import SystemRandom

from container_agent.repository.repository import Repository
from container_agent.session.restore import restore
from container_agent.session.restore_dry import opened
from container_agent.session.restore_entries import Entry
from container_agent.session.restore_existing import has_content, places_of
from container_agent.session.restore_finish import restore_finish
from container_agent.session.restore_walk import Selection
from container_agent.session.tally import Tally
from container_agent.session.verify import list_damage
from container_agent.storage.read import open_file
from container_agent.storage.walk import CLOSED, Components
from sluicegate.v1 import slice_pb2

# Larger ones would fill a container's scratch; a verify that reads all packs reads theirs too.
FILE_BYTES_MAX = 1 << 30
RANGE_BYTES = 1 << 40
PREFIX = "sluicegate-drill-"

Drawn = tuple[Components, Entry]


def drill(work: slice_pb2.VerifyWork, repository: Repository, tally: Tally) -> bytes:
    """Restores `work.restore_files` files of a snapshot, or all if it has fewer, one after the
    other into a directory of its own, by the code that restores in earnest; reads them back, and
    lists those that are not what was backed up. Returns the snapshot's id.
    """
    plan = slice_pb2.RestorePlan(snapshot=work.snapshot or "latest")
    selection = Selection(repository, plan)
    snapshot_id = selection.snapshot.snapshot_id
    for above, entry in draw(selection, work.restore_files, tally):
        tally.check()
        with tempfile.TemporaryDirectory(prefix=PREFIX) as scratch:
            _try(snapshot_id, (*above, entry.name), entry, Path(scratch), repository, tally)
    return snapshot_id


def draw(selection: Selection, count: int, tally: Tally) -> list[Drawn]:
    """So many files, each with the same chance, in order of the walk."""
    chance, drawn = SystemRandom(), list[tuple[int, Drawn]]()
    for number, file in enumerate(_files(selection)):
        tally.check()
        if number < count:
            drawn.append((number, file))
        elif (place := chance.randrange(number + 1)) < count:
            drawn[place] = (number, file)
    return [file for _, file in sorted(drawn, key=lambda numbered: numbered[0])]


def _files(selection: Selection) -> Iterator[Drawn]:
    for above, entry in selection.walk():
        if entry.is_file and entry.size <= FILE_BYTES_MAX:
            yield above, entry


def _try(
    snapshot_id: bytes,
    path: Components,
    entry: Entry,
    scratch: Path,
    repository: Repository,
    tally: Tally,
) -> None:
    plan = slice_pb2.RestorePlan(
        snapshot=snapshot_id.hex(), target=os.fsencode(scratch), include=b"/" + b"/".join(path)
    )
    span = slice_pb2.Span(start=slice_pb2.Position())
    tried = Tally(stopping=tally.stopping)
    restore(slice_pb2.RestoreWork(plan=plan, span=span, range_bytes=RANGE_BYTES), repository, tried)
    finish = slice_pb2.RestoreFinishWork(plan=plan, range_bytes=RANGE_BYTES)
    restore_finish(finish, repository, tried)
    tally.files += 1
    tally.seen_bytes += entry.size
    tally.read_bytes += tried.read_bytes
    for unwritten in tried.unread:
        tally.list_unread(*unwritten)
    if not tried.unread_count and (told := difference(path, entry, scratch, repository)):
        list_damage(tally, os.fsdecode(b"/".join(path)), f"restored, {told}")


def difference(path: Components, entry: Entry, scratch: Path, repository: Repository) -> str:
    """In what a restored file is not what was backed up; nothing where it is."""
    directory = opened(os.fsencode(scratch), path[:-1])
    if directory == CLOSED:
        return "it is not there"
    try:
        file, status = open_file(directory, entry.name)
    except OSError as error:
        return f"it is not there: {error.strerror}"
    finally:
        os.close(directory)
    try:
        same = has_content(file, status.st_size, places_of(entry, repository))
    finally:
        os.close(file)
    if not same:
        return "it has another content"
    wanted = entry.metadata()
    if status.st_mtime_ns != wanted.mtime_ns:
        return "it has another time"
    if stat.S_IMODE(status.st_mode) != wanted.mode:
        return "it has another mode"
    owners = (status.st_uid, status.st_gid)
    if os.geteuid() == 0 and owners != (wanted.uid, wanted.gid):
        return "it has another owner"
    return ""
