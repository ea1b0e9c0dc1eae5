"""RESTORE_FINISH: what must come last in a restore."""

import os

from container_agent.repository.repository import Repository
from container_agent.session.restore_dry import count_linked
from container_agent.session.restore_entries import Entry, small_files_alone
from container_agent.session.restore_existing import Existing
from container_agent.session.restore_files import FileRestorer
from container_agent.session.restore_links import HardLinks
from container_agent.session.restore_walk import Selection
from container_agent.session.tally import Tally
from container_agent.storage.walk import Components
from container_agent.storage.write import Target
from container_agent.storage.write_entries import create_link
from container_agent.storage.write_metadata import give_metadata
from sluicegate.v1 import slice_pb2


def restore_finish(
    work: slice_pb2.RestoreFinishWork, repository: Repository, tally: Tally
) -> bytes:
    """Completes large files, makes hard-linked ones, and gives directories their metadata, the
    deepest first, each when nothing more is put into it. Doing it again does it anew."""
    if work.plan.dry_run:
        count_linked(work, repository, tally)
        return b""
    finish = Finish(work, repository, tally)
    try:
        finish.run()
    finally:
        finish.close()
    return b""


class Finish:
    """One finish on its way through the snapshot."""

    def __init__(
        self, work: slice_pb2.RestoreFinishWork, repository: Repository, tally: Tally
    ) -> None:
        self._range_bytes = work.range_bytes
        self._tally = tally
        self._selection = Selection(repository, work.plan, self._needless)
        self._target = Target(work.plan.target, self._leave)
        self._files = FileRestorer(repository, self._target, Existing(work.plan), tally)
        # The nodes of the directories that are open.
        self._entered: dict[Components, Entry] = {}
        self._links = HardLinks()

    def run(self) -> None:
        """Walks all of it."""
        for above, entry in self._selection.walk():
            self._tally.check()
            if entry.is_directory:
                self._enter((*above, entry.name), entry)
            elif entry.is_hard_linked:
                self._restore_linked(above, entry)
            elif entry.is_file and entry.size > self._range_bytes:
                self._files.finish_large(above, entry)
        self._target.leave_all()

    def _needless(self, tree: bytes) -> bool:
        return small_files_alone(tree, self._range_bytes)

    def _enter(self, path: Components, entry: Entry) -> None:
        try:
            self._target.directory(path)
        except OSError as failure:
            self._files.unwritten(path, failure)
        else:
            self._entered[path] = entry

    def _leave(self, path: Components, directory: int) -> None:
        """Nothing more is put into a directory. Those above an included path are left alone."""
        entry = self._entered.pop(path, None)
        if entry is None:
            return
        try:
            give_metadata(directory, entry.metadata(), only=True)
        except OSError as failure:
            self._files.unwritten(path, failure)

    def _restore_linked(self, above: Components, entry: Entry) -> None:
        """Writes the first of a file's names, and links the others to it. A name that stays as it
        was before is none to link to."""
        path = (*above, entry.name)
        try:
            stays = self._files.stays(above, entry)
        except OSError as failure:
            self._files.unwritten(path, failure)
            stays = True
        first = self._links.meet(entry.told, None if stays else path)
        if stays:
            return
        if first is None:
            self._files.whole(above, entry)
            self._files.settle()
            return
        self._tally.files += 1
        try:
            self._link(first, above, entry.name)
        except OSError as failure:
            self._files.unwritten((*above, entry.name), failure)

    def _link(self, first: Components, above: Components, name: bytes) -> None:
        directory = self._target.directory(above)
        if first[:-1] == above:
            create_link(directory, first[-1], directory, name)
            return
        source = self._target.reopen(first[:-1])
        try:
            create_link(source, first[-1], directory, name)
        finally:
            os.close(source)

    def close(self) -> None:
        """Closes what is open."""
        self._files.close()
        self._target.close()
