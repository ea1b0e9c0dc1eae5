"""Swaps what has a name for something else, over and over, in a process of its own: whoever works
on the tree meanwhile finds now a file, now a link out of it, a pipe or a directory.

    python swapping.py TREE OUTSIDE SWAPS KIND...
"""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

KINDS = ("file", "link to file", "link to directory", "pipe", "directory")


def make(place: str, kind: str, outside: str) -> None:
    """Something of a kind, whose content is harmless."""
    match kind:
        case "file":
            Path(place).write_bytes(b"inside")
        case "link to file":
            os.symlink(f"{outside}/canary", place)
        case "link to directory":
            os.symlink(outside, place)
        case "pipe":
            os.mkfifo(place)
        case "directory":
            os.makedirs(f"{place}/below")
            Path(place, "canary").write_bytes(b"inside")


def swap(tree: str, outside: str, swaps: int, kinds: list[str]) -> None:
    """Puts one kind after the other at each of four names; what was there waits beside the tree.

    Who restores may take away what has the name: then it is made anew.
    """
    for number in range(swaps):
        place = f"{tree}/{'abcd'[number % 4]}"
        kind = kinds[(number // 4) % len(kinds)]
        waiting = f"{tree}-aside-{number % 4}-{kind}"
        gone = f"{tree}-aside-{number % 4}-{kinds[(number // 4 - 1) % len(kinds)]}"
        with suppress(OSError):
            os.rename(place, gone)
        with suppress(OSError):
            if os.path.lexists(waiting):
                os.rename(waiting, place)
            else:
                make(place, kind, outside)


def swapping(
    tree: Path, outside: Path, swaps: int, kinds: tuple[str, ...] = KINDS
) -> subprocess.Popen[bytes]:
    """Begins to swap. The process ends by itself when it is done."""
    words = [sys.executable, __file__, str(tree), str(outside), str(swaps), *kinds]
    return subprocess.Popen(words)


if __name__ == "__main__":
    swap(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:])
