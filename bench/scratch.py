"""Directories to measure in."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")
DISK = Path("/var/tmp")


@contextmanager
def scratch(place: Path) -> Iterator[Path]:
    """A directory that is gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="sluicegate-bench-", dir=place))
    try:
        yield path
    finally:
        shutil.rmtree(path)
