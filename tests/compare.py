"""Compares two trees strictly: names, bytes, modes, owners, times, links, xattrs."""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Entry:
    """All of an entry that a backup must bring back."""

    kind: int
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    size: int
    content: str
    target: bytes
    device: int
    xattrs: tuple[tuple[str, bytes], ...]
    linked_with: tuple[bytes, ...]


def content_of(path: bytes) -> str:
    """The SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def paths_below(root: bytes) -> Iterator[bytes]:
    """Every path below a root, and the root as the empty path."""
    yield b""
    for directory, names, files in os.walk(root):
        for name in names + files:
            yield os.path.relpath(os.path.join(directory, name), root)


def entry(path: bytes, links: tuple[bytes, ...]) -> Entry:
    """What lies at a path."""
    status = os.lstat(path)
    regular, link = stat.S_ISREG(status.st_mode), stat.S_ISLNK(status.st_mode)
    names = os.listxattr(path, follow_symlinks=False)
    return Entry(
        kind=stat.S_IFMT(status.st_mode),
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        mtime_ns=status.st_mtime_ns,
        size=status.st_size if regular else 0,
        content=content_of(path) if regular else "",
        target=os.readlink(path) if link else b"",
        device=status.st_rdev,
        xattrs=tuple((n, os.getxattr(path, n, follow_symlinks=False)) for n in sorted(names)),
        linked_with=links,
    )


def describe(root: str | bytes | os.PathLike[str]) -> dict[bytes, Entry]:
    """Every entry below a root by its path; the root is the empty path."""
    base = os.fsencode(root)
    paths = list(paths_below(base))
    groups: dict[tuple[int, int], list[bytes]] = {}
    for path in paths:
        status = os.lstat(os.path.join(base, path))
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            groups.setdefault((status.st_dev, status.st_ino), []).append(path)
    linked = {path: tuple(sorted(group)) for group in groups.values() for path in group}
    return {path: entry(os.path.join(base, path), linked.get(path, ())) for path in paths}


def differences(left: dict[bytes, Entry], right: dict[bytes, Entry]) -> list[str]:
    """One line for each thing that is not the same in both."""
    found = [f"only left: {path!r}" for path in sorted(left.keys() - right.keys())]
    found += [f"only right: {path!r}" for path in sorted(right.keys() - left.keys())]
    for path in sorted(left.keys() & right.keys()):
        one, other = asdict(left[path]), asdict(right[path])
        found += [
            f"{path!r}: {field} {one[field]!r} is not {other[field]!r}"
            for field in one
            if one[field] != other[field]
        ]
    return found


def fuller(left: str | bytes, right: str | bytes) -> list[str]:
    """One line for each file that takes more room right than left: beyond 5 % and a few blocks."""
    found = []
    one, other = os.fsencode(left), os.fsencode(right)
    for path in paths_below(one):
        had, has = os.lstat(os.path.join(one, path)), os.lstat(os.path.join(other, path))
        if stat.S_ISREG(had.st_mode) and has.st_blocks > had.st_blocks * 1.05 + 16:
            found.append(f"{path!r}: takes {has.st_blocks} blocks and not {had.st_blocks}")
    return found
