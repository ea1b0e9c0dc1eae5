"""Makes trees of every kind of entry with every kind of metadata, at random, from a seed."""

import os
import random
import stat
import struct
from collections.abc import Callable
from contextlib import suppress

KIB = 1 << 10
SIZES = (0, 1, 100, 4096, 5000, 70 * KIB, 600 * KIB, 1024 * KIB, 1300 * KIB, 2500 * KIB)
WEIGHTS = (3, 3, 8, 4, 4, 3, 1, 1, 1, 1)
ODD_NAMES = (
    b"\xff\xfe", b"new\nline", b'quote"', b"back\\slash", b"<&>", b"\xc3\xa4", b"a\xcc\x88", b" ",
    b"...", b"-", b"\x01\x1f\x7f", b"\xe2\x80\xa8", b"*", b"%2e", b"a", b"a.b", b"a-b",
)  # fmt: skip
# An access list: the owner, a user, the group, the mask, others; as the kernel tells it.
ACL = struct.pack(
    "<I" + "HHI" * 5, 2,
    1, 6, 0xFFFFFFFF, 2, 4, 1234, 4, 4, 0xFFFFFFFF, 16, 4, 0xFFFFFFFF, 32, 0, 0xFFFFFFFF,
)  # fmt: skip
# May bind to low ports: version 2 of the kernel's format.
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
TIMES = (-10 * 10**17, 0, 1, 15 * 10**17 + 123_456_789, 45 * 10**17 + 1)


class GeneratedTree:
    """One tree. As root it has owners, devices and attributes of the system too.

    `plain` leaves out what Debian's restic cannot keep: sockets, link targets that are not UTF-8.
    """

    def __init__(self, root: bytes, seed: int, plain: bool = False, entries: int = 30) -> None:
        self._rng = random.Random(seed)
        self._root = root
        self._plain = plain
        self._is_root = os.geteuid() == 0
        self._directories = [root]
        self._files: list[bytes] = []
        self._made: list[bytes] = []
        os.mkdir(root)
        for _ in range(entries):
            self._make_one()
        for path in (*reversed(self._made), root):
            self._give_metadata(path)

    def _make_one(self) -> None:
        rng = self._rng
        kinds: list[tuple[int, Callable[[bytes], None]]] = [
            (5, self._make_directory), (12, self._make_file), (2, self._make_sparse),
            (3, self._make_symlink), (3, self._make_link), (1, self._make_fifo),
        ]  # fmt: skip
        if not self._plain:
            kinds.append((1, self._make_socket))
        if self._is_root:
            kinds.append((1, self._make_device))
        weights, makers = zip(*kinds, strict=True)
        (make,) = rng.choices(makers, weights)
        path = os.path.join(rng.choice(self._directories), self._name())
        with suppress(FileExistsError):
            make(path)
            self._made.append(path)

    def _name(self) -> bytes:
        rng = self._rng
        length = rng.choice([1, 2, 8, 40, 255])
        match rng.randrange(4):
            case 0:
                return rng.choice(ODD_NAMES)
            case 1:
                return bytes(
                    rng.choice([b for b in range(1, 256) if b != 47]) for _ in range(length)
                )
            case _:
                return (
                    b"".join(b"%c" % rng.choice(b"abcxyz.-_ 019") for _ in range(length - 1)) + b"n"
                )

    def _make_directory(self, path: bytes) -> None:
        os.mkdir(path)
        if len(path) < 2500:
            self._directories.append(path)

    def _write(self, path: bytes, spans: list[tuple[int, bytes]], size: int) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        for offset, data in spans:
            os.pwrite(descriptor, data, offset)
        os.ftruncate(descriptor, size)
        os.close(descriptor)
        self._files.append(path)

    def _make_file(self, path: bytes) -> None:
        (size,) = self._rng.choices(SIZES, WEIGHTS)
        text = self._rng.random() < 0.3
        data = (b"the same words " * (size // 15 + 1))[:size] if text else self._rng.randbytes(size)
        self._write(path, [(0, data)], size)

    def _make_sparse(self, path: bytes) -> None:
        rng = self._rng
        size = rng.choice([9000, 300 * KIB, 3000 * KIB, 12 << 20])
        spans = [
            (rng.randrange(size), rng.randbytes(rng.choice([1, 4096, 30_000])))
            for _ in range(rng.randrange(4))
        ]
        self._write(path, spans, size)

    def _make_symlink(self, path: bytes) -> None:
        targets = [b"a", b"../..", b"/etc/passwd", b"nowhere", b"x" * 1000, b"\xc3\xa4"]
        if not self._plain:
            targets.append(b"no text \xff\xfe")
        os.symlink(self._rng.choice(targets), path)

    def _make_link(self, path: bytes) -> None:
        if self._files:
            os.link(self._rng.choice(self._files), path)
        else:
            self._make_file(path)

    def _make_fifo(self, path: bytes) -> None:
        os.mkfifo(path)

    def _make_socket(self, path: bytes) -> None:
        os.mknod(path, stat.S_IFSOCK | 0o600)

    def _make_device(self, path: bytes) -> None:
        kind = self._rng.choice([stat.S_IFCHR, stat.S_IFBLK])
        os.mknod(path, kind | 0o600, os.makedev(self._rng.choice([1, 7, 250]), 3))

    def _give_metadata(self, path: bytes) -> None:
        rng, kind = self._rng, os.lstat(path).st_mode
        link = stat.S_ISLNK(kind)
        if self._is_root and rng.random() < 0.4:
            os.chown(
                path, rng.choice([0, 1, 1234]), rng.choice([0, 2, 4321]), follow_symlinks=False
            )
        if not link and rng.random() < 0.5:
            os.chmod(path, rng.choice([0o000, 0o400, 0o644, 0o711, 0o755, 0o1777, 0o4755, 0o2755]))
        if rng.random() < 0.3:
            self._give_attributes(path, kind)
        stamp = rng.choice(TIMES) + rng.randrange(10**9)
        os.utime(path, ns=(stamp, stamp), follow_symlinks=False)

    def _give_attributes(self, path: bytes, kind: int) -> None:
        given: list[tuple[str, bytes]] = []
        if stat.S_ISREG(kind) or stat.S_ISDIR(kind):
            given.append(("user.colour", self._rng.randbytes(self._rng.choice([0, 5, 300]))))
            given.append(("system.posix_acl_access", ACL))
        if stat.S_ISDIR(kind):
            given.append(("system.posix_acl_default", ACL))
        # restic gives those of a link to what it points to, and those of others to none.
        if self._is_root and (given or not self._plain):
            given.append(("trusted.of-root", b"\x00\xff"))
            if stat.S_ISREG(kind):
                given.append(("security.capability", CAPABILITY))
        for name, value in given:
            if self._rng.random() < 0.6:
                os.setxattr(path, name, value, follow_symlinks=False)
