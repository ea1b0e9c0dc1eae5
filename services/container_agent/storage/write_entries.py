"""Makes single entries in an open directory: what has the name gives way, no link is followed."""

import errno
import os
import stat
from collections.abc import Iterator
from functools import partial

from container_agent.storage.write import clear_the_way
from container_agent.storage.zeros import HOLE_BYTES, data_runs

FRESH = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
PART = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
WHILE_OPEN = 0o600


def create_file(directory: int, name: bytes) -> int:
    """A new empty file, open for writing."""
    try:
        return os.open(name, FRESH, WHILE_OPEN, dir_fd=directory)
    except FileExistsError:
        clear_the_way(directory, name)
        return os.open(name, FRESH, WHILE_OPEN, dir_fd=directory)


def create_new_file(directory: int, name: bytes) -> int | None:
    """A new empty file, open for writing; None where something has the name."""
    try:
        return os.open(name, FRESH, WHILE_OPEN, dir_fd=directory)
    except FileExistsError:
        return None


def create_symlink(directory: int, name: bytes, target: bytes) -> None:
    """A symbolic link, whatever it points to."""
    try:
        os.symlink(target, name, dir_fd=directory)
    except FileExistsError:
        clear_the_way(directory, name)
        os.symlink(target, name, dir_fd=directory)


def create_special(directory: int, name: bytes, kind: int, device: int) -> None:
    """A pipe, a socket or a device; `kind` is its file type as stat has it."""
    try:
        os.mknod(name, kind | WHILE_OPEN, device, dir_fd=directory)
    except FileExistsError:
        clear_the_way(directory, name)
        os.mknod(name, kind | WHILE_OPEN, device, dir_fd=directory)


def create_link(source: int, source_name: bytes, directory: int, name: bytes) -> None:
    """A further name of a file, and never of what a symbolic link points to."""
    link = partial(os.link, src_dir_fd=source, dst_dir_fd=directory, follow_symlinks=False)
    try:
        link(source_name, name)
    except FileExistsError:
        clear_the_way(directory, name)
        link(source_name, name)


def is_there(directory: int, name: bytes) -> bool:
    """Whether something has the name."""
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def open_part(directory: int, name: bytes, size: int) -> int:
    """A file that several sessions fill, each its ranges; made when missing, of its full size.

    It must have no other name, or what is written would show outside the target.
    """
    part = os.open(name, PART, WHILE_OPEN, dir_fd=directory)
    status = os.fstat(part)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(part)
        raise FileExistsError(errno.EEXIST, "something that is not ours has the name of its part")
    if status.st_size != size:
        os.ftruncate(part, size)
    return part


def finish_part(directory: int, part_name: bytes, name: bytes) -> None:
    """Gives a part that is whole its own name, in place of whatever has it."""
    try:
        os.rename(part_name, name, src_dir_fd=directory, dst_dir_fd=directory)
    except IsADirectoryError:
        os.rmdir(name, dir_fd=directory)
        os.rename(part_name, name, src_dir_fd=directory, dst_dir_fd=directory)


def holes(part: int, size: int) -> Iterator[tuple[int, int]]:
    """The spans of a file that were never written. A file system may hide zeros in them."""
    at = 0
    while at < size:
        start = os.lseek(part, at, os.SEEK_HOLE)
        if start >= size:
            return
        try:
            at = os.lseek(part, start, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            at = size
        yield start, at


def write_at(file: int, data: bytes | memoryview, offset: int) -> None:
    """Writes all of it."""
    written = os.pwrite(file, data, offset)
    while written < len(data):
        written += os.pwrite(file, memoryview(data)[written:], offset + written)


def write_sparse(file: int, data: bytes, offset: int) -> int:
    """Writes all but long runs of zeros, of which holes are made: where it is called nothing has
    been written, or the same. Returns how much it wrote. The caller gives the file its length."""
    if len(data) <= HOLE_BYTES:
        write_at(file, data, offset)
        return len(data)
    written, view = 0, memoryview(data)
    for start, stop in data_runs(data):
        write_at(file, view[start:stop], offset + start)
        written += stop - start
    return written
