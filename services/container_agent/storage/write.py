"""The target of a restore, reached by directory descriptors alone.

Names come from a repository that may be hostile, and into a target that others may write to. So
every step is one name, taken from a directory that is open already, and no link is ever followed:
nothing outside the target is touched, whatever the names say and whatever lies in the way.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress

from container_agent.storage.beneath import DIRECTORY, open_beneath
from container_agent.storage.walk import Components

WHILE_OPEN = 0o700
TRIES = 5
# How many directories of a deep tree are kept open; the others are opened again on the way back.
OPEN_MAX = 200
CLOSED = -1
HANDED_ON = "system.posix_acl_default"
FATAL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


class TargetUnwritable(Exception):
    """The target cannot be written at all; the message says why."""


def raise_if_fatal(error: OSError) -> None:
    """Tells what stops a whole restore from what stops one entry."""
    if error.errno in FATAL:
        raise TargetUnwritable(f"The target cannot be written: {error.strerror}.") from error


def clear_the_way(directory: int, name: bytes) -> None:
    """Removes what has the name: anything but a directory that holds something."""
    try:
        os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        pass
    except IsADirectoryError:
        os.rmdir(name, dir_fd=directory)


def open_up(directory: int, name: bytes) -> None:
    """Lets its owner into a directory that an earlier restore has closed."""
    place = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
    try:
        os.chmod(f"/proc/self/fd/{place}", WHILE_OPEN)
    finally:
        os.close(place)


def open_writable(directory: int, name: bytes) -> int:
    """Opens a directory that is there, and sees to it that its owner can write in it."""
    try:
        found = os.open(name, DIRECTORY, dir_fd=directory)
    except PermissionError:
        open_up(directory, name)
        found = os.open(name, DIRECTORY, dir_fd=directory)
    status = os.fstat(found)
    if status.st_mode & WHILE_OPEN != WHILE_OPEN and status.st_uid == os.geteuid() != 0:
        os.fchmod(found, stat.S_IMODE(status.st_mode) | WHILE_OPEN)
    return found


def open_directory(directory: int, name: bytes) -> int:
    """A descriptor of the directory of that name, made when missing; what is none gives way.

    Others may make the same one at the same time: whoever comes second takes it as it is.
    """
    for _ in range(TRIES):
        with suppress(FileExistsError):
            os.mkdir(name, WHILE_OPEN, dir_fd=directory)
        try:
            return open_writable(directory, name)
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
        try:
            os.unlink(name, dir_fd=directory)
        except (FileNotFoundError, IsADirectoryError):
            continue
    raise FileExistsError(errno.EEXIST, "something in the way comes back again and again")


def open_root(path: bytes) -> int:
    """The target itself: the one path that is the operator's own, so its links are followed."""
    try:
        os.makedirs(path, exist_ok=True)
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        shown = os.fsdecode(path)
        raise TargetUnwritable(
            f"The target {shown} cannot be written: {error.strerror}."
        ) from error


def hands_on(directory: int) -> bool:
    """True for a directory whose access list is also for what is made in it."""
    try:
        return bool(os.getxattr(directory, HANDED_ON))
    except OSError:
        return False


def leave_alone(components: Components, directory: int) -> None:
    """What is done by default when a directory is left: nothing."""


class Target:
    """A target with the directories of one path open, from its root down.

    A walk goes from neighbour to neighbour, so each directory is opened about once. One that is
    left is handed to `leaving` before it is closed: the deepest first.
    """

    def __init__(
        self, path: bytes, leaving: Callable[[Components, int], None] = leave_alone
    ) -> None:
        self._path = path
        self._root = open_root(path)
        self._leaving = leaving
        self._components: Components = ()
        self._open: list[int] = []
        # Whether a directory was met that hands its access list on to what is made in it.
        self.hands_on = hands_on(self._root)

    def check(self, names: Iterable[bytes]) -> None:
        """TargetUnwritable when none of these can be made in it, and none is there already."""
        if os.access(b".", os.W_OK | os.X_OK, dir_fd=self._root, effective_ids=True):
            return
        if not any(os.path.lexists(os.path.join(self._path, name)) for name in names):
            raise TargetUnwritable(f"The target {os.fsdecode(self._path)} cannot be written.")

    def directory(self, components: Components) -> int:
        """A descriptor of the directory at that place; it stays the target's to close."""
        if components != self._components:
            self._go(components)
        return self._open[-1] if self._open else self._root

    def reopen(self, components: Components) -> int:
        """A further descriptor of a directory that is there already; the caller closes it."""
        return open_beneath(self._root, components)

    def _go(self, components: Components) -> None:
        shared = 0
        for old, new in zip(self._components, components, strict=False):
            if old != new:
                break
            shared += 1
        self._leave_below(shared)
        if self._open and self._open[-1] == CLOSED:
            self._open[-1] = self.reopen(self._components)
        for depth in range(shared, len(components)):
            above = self._open[-1] if self._open else self._root
            self._open.append(open_directory(above, components[depth]))
            self._components = components[: depth + 1]
            self.hands_on = self.hands_on or hands_on(self._open[-1])
            if len(self._open) > OPEN_MAX:
                os.close(self._open[-OPEN_MAX - 1])
                self._open[-OPEN_MAX - 1] = CLOSED

    def _leave_below(self, depth: int) -> None:
        while len(self._open) > depth:
            directory = self._open.pop()
            left, self._components = self._components, self._components[:-1]
            if directory == CLOSED:
                directory = self.reopen(left)
            try:
                self._leaving(left, directory)
            finally:
                os.close(directory)

    def leave_all(self) -> None:
        """Leaves every directory but the root."""
        self._leave_below(0)

    def close(self) -> None:
        """Closes what is open, without leaving it properly."""
        for descriptor in (*self._open, self._root):
            if descriptor != CLOSED:
                os.close(descriptor)
        self._open, self._components = [], ()
