"""Does things to a tree while it is backed up, and sees what was kept of it."""

import stat
import threading
from collections.abc import Callable
from pathlib import Path

from backing import copied, sealed
from commands import restic
from compare import describe
from container_agent.repository.repository import Repository
from container_agent.session.tally import Tally
from sluicegate.v1 import slice_pb2


def restored(location: Path, tmp_path: Path, tree: Path) -> dict[bytes, int]:
    """The sizes of all files that restic brings back from a repository that it finds sound."""
    restic(location, "check", "--read-data")
    restic(location, "restore", "latest", "--target", tmp_path / "out")
    entries = describe(str(tmp_path / "out") + str(tree))
    return {path: e.size for path, e in entries.items() if stat.S_ISREG(e.kind)}


class Meanwhile(threading.Event):
    """Does something to the tree whenever a copy looks whether it must stop: between any two
    entries, and between the blobs of a large file."""

    def __init__(self, act: Callable[[Tally], None]) -> None:
        super().__init__()
        self.tally = Tally(stopping=self)
        self._act = act

    def is_set(self) -> bool:
        self._act(self.tally)
        return super().is_set()


def copy_while(tree: Path, repository: Repository, act: Callable[[Tally], None]) -> Tally:
    """Copies the tree as one slice and seals it, while something happens."""
    tally = Meanwhile(act).tally
    span = slice_pb2.Span(start=slice_pb2.Position())
    record_id = copied(bytes(tree), span, repository, tally)
    records = [slice_pb2.SliceRecord(span=span, record_id=record_id)]
    sealed(bytes(tree), records, repository, Tally())
    return tally


def once(files: int, act: Callable[[], object]) -> Callable[[Tally], None]:
    """Acts once, when so many files have been read: a, d/x, d/y, e/f/g, large, z."""
    done = []

    def look(tally: Tally) -> None:
        if tally.files == files and not done:
            done.append(True)
            act()

    return look


def reasons(tally: Tally) -> dict[bytes, int]:
    """What was not read, and why."""
    assert len(tally.unread) == tally.unread_count
    return {path: reason for path, reason, _ in tally.unread}
