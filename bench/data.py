"""The data sets of the bench, made anew from a seed."""

import os
import random
from collections.abc import Callable
from pathlib import Path

GIB = 1 << 30
WORDS = 20_000
PHRASES = 500_000
SMALL_FILES = 50_000


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


SETS: dict[str, Callable[[Path], None]] = {
    "1 GiB random": random_bytes,
    "1 GiB text": text,
    "50,000 files": small_files,
}


def stored_bytes(repository: Path) -> int:
    """What a repository takes."""
    return sum(
        os.path.getsize(os.path.join(directory, name))
        for directory, _, names in os.walk(repository)
        for name in names
    )
