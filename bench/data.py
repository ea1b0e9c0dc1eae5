"""The data sets of the bench, made anew from a seed."""

import math
import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

GIB = 1 << 30
WORDS = 20_000
PHRASES = 500_000
SMALL_FILES = 50_000
TINY_FILES = 100_000
# So few files are large, and each is changed in part.
FEW = 4
PIECE_BYTES = 64 << 10


def random_bytes(root: Path) -> None:
    """1 GiB that neither compresses nor repeats, in four files."""
    rng = random.Random(1)
    for number in range(4):
        with open(root / f"random-{number}", "wb") as file:
            for _ in range(GIB // 4 >> 20):
                file.write(rng.randbytes(1 << 20))


def text(root: Path) -> None:
    """1 GiB of words, drawn as a language draws them, four at a time, in four files."""
    rng = random.Random(2)
    words = ["".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 11))) for _ in range(WORDS)]
    weights = [1 / rank for rank in range(1, WORDS + 1)]
    drawn = iter(rng.choices(words, weights, k=4 * PHRASES))
    phrases = [" ".join(four) + " " for four in zip(drawn, drawn, drawn, drawn, strict=True)]
    for number in range(4):
        left = GIB // 4
        with open(root / f"text-{number}", "wb") as file:
            while left:
                page = "".join(rng.choices(phrases, k=50_000)).encode()[:left]
                left -= file.write(page)


def small_files(root: Path) -> None:
    """50,000 files of 8 KiB in the mean, half of it text-like."""
    rng = random.Random(3)
    for number in range(SMALL_FILES):
        directory = root / f"{number // 5000:02}" / f"{number // 100:03}"
        if number % 100 == 0:
            directory.mkdir(parents=True)
        size = rng.randrange(16 << 10)
        content = rng.randbytes(size // 2) + b"line of a small file\n" * (size // 42)
        (directory / f"file-{number:05}").write_bytes(content)


def tiny_files(root: Path) -> None:
    """100,000 files of 4 KiB, half of it text-like."""
    rng = random.Random(4)
    for number in range(TINY_FILES):
        directory = root / f"{number // 10_000:02}" / f"{number // 100:04}"
        if number % 100 == 0:
            directory.mkdir(parents=True)
        content = rng.randbytes(2 << 10) + b"line of a small file\n" * 100
        (directory / f"file-{number:06}").write_bytes(content[: 4 << 10])


def real_tree(root: Path) -> None:
    """A copy of this machine's own programs and libraries."""
    subprocess.run(["cp", "-a", "-T", "/usr", root], check=True)


def change(root: Path, random: random.Random) -> None:
    """Changes one part in a hundred, bit by bit: of many files that many, of large ones pieces of
    64 KiB. A second time the same random numbers change it back."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    for path in random.sample(files, max(len(files) // 100, min(len(files), FEW))):
        with path.open("r+b") as file:
            pieces = range(0, max(1, path.stat().st_size), PIECE_BYTES)
            for at in random.sample(pieces, math.ceil(len(pieces) / 100)):
                file.seek(at)
                inverted = bytes(byte ^ 1 for byte in file.read(PIECE_BYTES))
                file.seek(at)
                file.write(inverted)


SETS: dict[str, Callable[[Path], None]] = {
    "1 GiB random": random_bytes,
    "1 GiB text": text,
    "50,000 files": small_files,
    "100,000 files": tiny_files,
    "/usr": real_tree,
}


def stored_bytes(kept: Path) -> int:
    """What lies in a directory, or in one file."""
    if kept.is_file():
        return kept.stat().st_size
    return sum(
        os.lstat(os.path.join(directory, name)).st_size
        for directory, _, names in os.walk(kept)
        for name in names
    )
