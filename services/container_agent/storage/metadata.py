"""Makes the nodes of a repository's trees from entries of a file system, straight as JSON.

A node is encoded once, where its entry is seen, and then only carried about: decoding and encoding
fifty thousand of them would cost more than reading the files.
"""

import errno
import grp
import os
import pwd
import stat
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

from container_agent.repository.quoting import PLAIN, json_string, quote
from container_agent.repository.times import format_time
from container_agent.repository.trees import encode_attributes, encode_linktarget

# Go's encoder knows the years 0 to 9999.
TIMES_NS = (-62_167_132_800_000_000_000, 253_402_214_400_000_000_000)
NO_ATTRIBUTES_ERRORS = frozenset((errno.ENOTSUP, errno.ENODATA, errno.ENOENT))
TYPES = {
    stat.S_IFLNK: "symlink",
    stat.S_IFBLK: "dev",
    stat.S_IFCHR: "chardev",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}
# What Go's FileMode has for each type, and for the bits that are not permissions.
TYPE_BITS = {
    stat.S_IFREG: 0,
    stat.S_IFDIR: 1 << 31,
    stat.S_IFLNK: 1 << 27,
    stat.S_IFBLK: 1 << 26,
    stat.S_IFCHR: 1 << 26 | 1 << 21,
    stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24,
}
SPECIAL_BITS = ((stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20))


class Attributes(NamedTuple):
    """Extended attributes as a field of a node, and why some are missing."""

    field: str = ""
    problem: OSError | None = None


NO_ATTRIBUTES = Attributes()


@lru_cache(4096)
def type_and_mode(mode: int) -> str:
    """The fields for a mode, which is left out when nothing is set."""
    kind = stat.S_IFMT(mode)
    bits = TYPE_BITS[kind] | mode & 0o777
    for theirs, ours in SPECIAL_BITS:
        if mode & theirs:
            bits |= ours
    name = {stat.S_IFREG: "file", stat.S_IFDIR: "dir"}.get(kind) or TYPES[kind]
    return f'"type":"{name}",' + (f'"mode":{bits},' if bits else "")


@lru_cache(4096)
def owner(uid: int, gid: int) -> str:
    """The fields for an owner; names that this host does not know are left out."""
    fields = f'"uid":{uid},"gid":{gid},'
    with suppress(KeyError, UnicodeError):
        fields += f'"user":{json_string(as_text(pwd.getpwuid(uid).pw_name))},'
    with suppress(KeyError, UnicodeError):
        fields += f'"group":{json_string(as_text(grp.getgrgid(gid).gr_name))},'
    return fields


def as_text(name: str) -> str:
    """The name, if it is text; UnicodeError for bytes that are none."""
    return name.encode().decode()


def time_text(time_ns: int) -> str:
    """A time as a node has it; one beyond Go's years is moved to their border, as restic does."""
    if not TIMES_NS[0] <= time_ns <= TIMES_NS[1]:
        time_ns = min(max(time_ns, TIMES_NS[0]), TIMES_NS[1])
    return format_time(time_ns)


def name_text(name: bytes) -> str:
    """A name as a node has it, with the quotes around it."""
    if PLAIN.fullmatch(name):
        return f'"{name.decode("ascii")}"'
    return json_string(quote(name))


def attributes_of(place: int | str) -> Attributes:
    """The extended attributes of an open file, or of a path whose last part is not followed."""
    follow = isinstance(place, int)
    try:
        names = os.listxattr(place, follow_symlinks=follow)
    except OSError as error:
        return NO_ATTRIBUTES if error.errno in NO_ATTRIBUTES_ERRORS else Attributes("", error)
    return read_attributes(place, names, follow) if names else NO_ATTRIBUTES


def read_attributes(place: int | str, names: list[str], follow: bool) -> Attributes:
    """Reads named attributes; one that cannot be read does not hold up the others."""
    values: list[tuple[str, bytes]] = []
    problem: OSError | None = None
    for name in names:
        try:
            value = os.getxattr(place, name, follow_symlinks=follow)
            values.append((as_text(name), value))
        except UnicodeError:
            problem = OSError(errno.EILSEQ, f"attribute {name!a}: its name is no text")
        except OSError as error:
            if error.errno != errno.ENODATA:
                problem = OSError(error.errno, f"attribute {name}: {error.strerror}")
    return Attributes(f"{encode_attributes(values)}," if values else "", problem)


def beginning(name: str, status: os.stat_result) -> str:
    """The fields that every node begins with; restic keeps the time of change as that of access."""
    mtime_ns, ctime_ns = status.st_mtime_ns, status.st_ctime_ns
    changed = time_text(mtime_ns)
    # Most files were never touched but when they were written.
    touched = changed if ctime_ns == mtime_ns else time_text(ctime_ns)
    return (
        f'{{"name":{name},{type_and_mode(status.st_mode)}"mtime":"{changed}","atime":"{changed}",'
        f'"ctime":"{touched}",{owner(status.st_uid, status.st_gid)}'
        + (f'"inode":{status.st_ino},' if status.st_ino else "")
    )


def file_node(
    name: str, status: os.stat_result, size_bytes: int, attributes: str, content: Iterable[str]
) -> bytes:
    """The node of a regular file, with the ids of its blobs in hex."""
    ids = '","'.join(content)
    listed = f'["{ids}"]' if ids else "[]"
    return f'{file_start(name, status, size_bytes)}{attributes}"content":{listed}}}'.encode()


def file_start(name: str, status: os.stat_result, size_bytes: int) -> str:
    """The node of a regular file as far as its status tells it."""
    links = status.st_nlink or 1
    device = f'"device_id":{status.st_dev},' if links > 1 else ""
    size = f'"size":{size_bytes},' if size_bytes else ""
    return f'{beginning(name, status)}{device}{size}"links":{links},'


def directory_node(name: str, status: os.stat_result, attributes: str) -> bytes:
    """The node of a directory, whose tree is not known yet."""
    return f'{beginning(name, status)}{attributes}"content":null}}'.encode()


def with_subtree(node: bytes, tree_id: str) -> bytes:
    """A directory's node with the id of its tree."""
    return b'%b,"subtree":"%b"}' % (node[:-1], tree_id.encode("ascii"))


def other_node(name: str, status: os.stat_result, attributes: str, target: bytes = b"") -> bytes:
    """The node of a link, a pipe, a socket or a device."""
    kind = stat.S_IFMT(status.st_mode)
    fields = ""
    if kind in (stat.S_IFLNK, stat.S_IFBLK, stat.S_IFCHR):
        if status.st_nlink > 1:
            fields += f'"device_id":{status.st_dev},'
        fields += f'"links":{status.st_nlink or 1},'
    if kind == stat.S_IFLNK:
        fields += encode_linktarget(target) + ","
    fields += attributes
    if kind in (stat.S_IFBLK, stat.S_IFCHR) and status.st_rdev:
        fields += f'"device":{status.st_rdev},'
    return f'{beginning(name, status)}{fields}"content":null}}'.encode()
