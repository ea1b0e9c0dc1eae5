"""Makes trees to back up, with every kind of entry, from a seed."""

import os
import random
from pathlib import Path

PAYLOAD_BYTES = 1 << 20


def write_file(path: bytes, size_bytes: int, seed: int) -> None:
    """Random bytes, the same for the same seed; large sizes cost one random MiB, stirred."""
    rng = random.Random(seed)
    block = rng.randbytes(min(size_bytes, PAYLOAD_BYTES))
    with open(path, "wb") as file:
        for number in range(size_bytes // PAYLOAD_BYTES):
            file.write(number.to_bytes(8, "big") + block[8:])
        file.write(block[: size_bytes % PAYLOAD_BYTES])


def make_small_files(root: bytes, files: int, seed: int, per_directory: int = 100) -> None:
    """Files of 0 to 24 KiB in nested directories."""
    rng = random.Random(seed)
    for number in range(files):
        directory = os.path.join(
            root, b"d%02d" % (number // per_directory % 10), b"e%03d" % (number // per_directory)
        )
        if number % per_directory == 0:
            os.makedirs(directory, exist_ok=True)
        name = os.path.join(directory, b"file-%05d.dat" % number)
        write_file(name, rng.randrange(24 << 10), seed + number)


def make_odd_entries(root: bytes) -> None:
    """One of everything that is not a plain file with a plain name."""
    odd = os.path.join(root, b"odd")
    os.makedirs(os.path.join(odd, b"empty directory"))
    os.makedirs(os.path.join(odd, b"deep", *[b"level%d" % level for level in range(20)]))
    at = odd + b"/"
    write_file(at + b"plain", 1000, 1)
    write_file(at + b"empty", 0, 2)
    for name in (
        b"not utf-8 \xff\xfe",
        b"new\nline",
        b'quote"back\\slash',
        b"tab\t<&>",
        b"\xc3\xa4",
    ):
        write_file(at + name, 100, len(name))
    # The order of a walk is by component: the directory's content comes before `sort.b`.
    os.mkdir(at + b"sort")
    for name in (b"sort/z", b"sort.b", b"sort-a"):
        write_file(at + name, 10, 3)
    os.symlink(b"plain", at + b"link")
    os.symlink(b"nowhere \xff", at + b"link not utf-8")
    os.link(at + b"plain", at + b"hard link")
    os.link(at + b"plain", os.path.join(root, b"zz hard link far away"))
    os.mkfifo(at + b"fifo")
    for mode in (0o000, 0o400, 0o755, 0o4755, 0o2755, 0o1777):
        write_file(at + b"mode %o" % mode, 50, mode)
        os.chmod(at + b"mode %o" % mode, mode)
    os.mkdir(at + b"read-only directory")
    write_file(at + b"read-only directory/file", 5, 4)
    os.setxattr(at + b"plain", b"user.colour", b"blue\x00\xff")
    os.setxattr(odd, b"user.of-a-directory", b"yes")
    if os.geteuid() == 0:
        os.chown(at + b"plain", 1234, 4321)
        os.chown(at + b"link", 1234, 4321, follow_symlinks=False)


def stamp_times(root: bytes) -> None:
    """Gives every entry a time of its own, to the nanosecond; read-only directories last."""
    for number, (directory, names, files) in enumerate(os.walk(root, topdown=False)):
        for place, name in enumerate(files + names):
            stamp = 1_500_000_000_000_000_000 + number * 1_000_003 + place * 7
            os.utime(os.path.join(directory, name), ns=(stamp, stamp), follow_symlinks=False)
    os.utime(root, ns=(1, 1_400_000_000_123_456_789))
    os.chmod(os.path.join(root, b"odd", b"read-only directory"), 0o555)


def make_tree(root: Path, files: int, large_bytes: int = 0, seed: int = 7) -> None:
    """A tree with at least `files` files, every odd entry, and one large file where asked."""
    at = os.fsencode(root)
    os.makedirs(at)
    make_small_files(at, files, seed)
    make_odd_entries(at)
    if large_bytes:
        write_file(os.path.join(at, b"large"), large_bytes, seed)
    stamp_times(at)
