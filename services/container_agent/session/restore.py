"""RESTORE: writes a span of a repository snapshot into a directory."""

import stat

from container_agent.repository.errors import RepositoryDamaged
from container_agent.repository.repository import Repository
from container_agent.session.restore_dry import restore_dry
from container_agent.session.restore_entries import Entry
from container_agent.session.restore_existing import Existing
from container_agent.session.restore_files import FileRestorer
from container_agent.session.restore_walk import Reach, Selection
from container_agent.session.tally import Tally
from container_agent.storage.walk import Components
from container_agent.storage.write import Target
from container_agent.storage.write_entries import create_special, create_symlink
from container_agent.storage.write_metadata import give_metadata_unopened
from sluicegate.v1 import slice_pb2

KINDS = {
    "dev": stat.S_IFBLK,
    "chardev": stat.S_IFCHR,
    "fifo": stat.S_IFIFO,
    "socket": stat.S_IFSOCK,
}


def restore(work: slice_pb2.RestoreWork, repository: Repository, tally: Tally) -> bytes:
    """Writes the entries of the span, each whole but for what the finish must do.

    Doing it again does it anew: what lies there from an earlier attempt gives way.
    """
    if work.plan.dry_run:
        restore_dry(work, repository, tally)
        return b""
    selection = Selection(repository, work.plan)
    existing = Existing(work.plan)
    reach = Reach.of(work.span)
    target = Target(work.plan.target)
    files = FileRestorer(repository, target, existing, tally)
    try:
        for above, entries in selection.runs(reach):
            tally.check()
            for entry in entries:
                if not entry.is_file:
                    restore_other(target, files, existing, tally, above, entry)
                elif entry.is_hard_linked:
                    continue
                elif entry.size > work.range_bytes:
                    first, last = reach.bytes_of((*above, entry.name))
                    files.span(above, entry, first, last)
                else:
                    files.whole(above, entry)
        files.settle()
    finally:
        files.close()
        target.close()
    return b""


def restore_other(
    target: Target,
    files: FileRestorer,
    existing: Existing,
    tally: Tally,
    above: Components,
    entry: Entry,
) -> None:
    """Makes what is no file: a directory without its metadata, or another entry with it."""
    path = (*above, entry.name)
    try:
        if entry.is_directory:
            tally.directories += 1
            target.directory(path)
        elif not existing.stays(target.directory(above), entry):
            tally.others += 1
            make_entry(target.directory(above), entry)
    except (OSError, RepositoryDamaged) as failure:
        files.unwritten(path, failure)


def make_entry(directory: int, entry: Entry) -> None:
    """Makes a link, a pipe, a socket or a device."""
    kind = entry.told.type
    link = kind == "symlink"
    try:
        if link:
            create_symlink(directory, entry.name, entry.linktarget())
        elif kind in KINDS:
            create_special(directory, entry.name, KINDS[kind], entry.told.device)
        else:
            raise RepositoryDamaged(f"Entries of the kind {kind!r} are not known.")
    except (ValueError, OverflowError) as error:
        raise RepositoryDamaged(f"It is not what can be made: {error}.") from error
    give_metadata_unopened(directory, entry.name, entry.metadata(), link)
