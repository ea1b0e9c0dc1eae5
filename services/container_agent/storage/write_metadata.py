"""Gives restored entries owner, mode, extended attributes and times, in the order that keeps all.

A change of owner takes setuid bits and capabilities away, so it comes first; an attribute may
need a mode that the entry loses at last; and every other change would touch the times. Who is not
root keeps what he cannot give away, as tar does.
"""

import errno
import os
from contextlib import suppress
from typing import NamedTuple

NOT_MINE = (errno.EPERM, errno.EACCES)
# What an entry may have that was not backed up: from an earlier restore, or from the access list
# that a directory hands on to what is made in it. Others are the business of the system.
TAKEN_AWAY = ("user.", "trusted.", "system.posix_acl_")


class Metadata(NamedTuple):
    """What an entry is given beside its content. Mode is as chmod takes it."""

    mode: int
    uid: int
    gid: int
    atime_ns: int
    mtime_ns: int
    attributes: tuple[tuple[str, bytes], ...] = ()


def give_attributes(place: int | str, metadata: Metadata) -> None:
    """Sets the extended attributes; those of the system only when root."""
    for name, value in metadata.attributes:
        try:
            os.setxattr(place, name, value)
        except OSError as error:
            mine = name.startswith("user.") or os.geteuid() == 0
            if error.errno in NOT_MINE and not mine:
                continue
            raise OSError(error.errno, f"attribute {name}: {error.strerror}") from error
        except ValueError as error:
            raise OSError(errno.EINVAL, f"attribute {name!r}: {error}") from error


def take_other_attributes(place: int | str, metadata: Metadata) -> None:
    """Takes away what an entry has and did not have when it was backed up, where that can be."""
    kept = {name for name, _ in metadata.attributes}
    with suppress(OSError):
        for name in os.listxattr(place):
            if name not in kept and name.startswith(TAKEN_AWAY):
                os.removexattr(place, name)


def give_metadata(descriptor: int, metadata: Metadata, only: bool = False) -> None:
    """Completes an open file or directory; its times last. With `only` it has no other attributes
    then, which nothing has that was just made in a plain directory."""
    mode, uid, gid, atime_ns, mtime_ns, attributes = metadata
    try:
        os.fchown(descriptor, uid, gid)
    except PermissionError:
        if os.geteuid() == 0:
            raise
    try:
        if only:
            take_other_attributes(descriptor, metadata)
        if attributes:
            give_attributes(descriptor, metadata)
    finally:
        os.fchmod(descriptor, mode)
        os.utime(descriptor, ns=(atime_ns, mtime_ns))


def give_metadata_unopened(directory: int, name: bytes, metadata: Metadata, link: bool) -> None:
    """Completes what must not be opened: a link, a pipe, a device.

    A descriptor that only names the entry pins it, so that nothing put in its place is changed.
    """
    pinned = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=directory)
    place = f"/proc/self/fd/{pinned}"
    try:
        try:
            os.chown(place, metadata.uid, metadata.gid)
        except PermissionError:
            if os.geteuid() == 0:
                raise
        try:
            if not link:
                take_other_attributes(place, metadata)
            if metadata.attributes:
                give_attributes(place, metadata)
        finally:
            if not link:
                os.chmod(place, metadata.mode)
            os.utime(place, ns=(metadata.atime_ns, metadata.mtime_ns))
    finally:
        os.close(pinned)
