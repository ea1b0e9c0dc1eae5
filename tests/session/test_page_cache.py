"""A backup does not push out what a host's page cache holds."""

import ctypes
import mmap
import os
from pathlib import Path

import pytest

from backing import back_up
from container_agent.repository.repository import Repository
from trees import write_file

SIZES = {"small": 100_000, "middle": 3 << 20, "large": 40 << 20}


def cached_bytes(path: Path) -> int:
    """How much of a file the page cache holds."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    size = path.stat().st_size
    pages = ctypes.create_string_buffer(-(-size // mmap.PAGESIZE))
    with path.open("rb") as file:
        at = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), 0)
        assert libc.mincore(at, size, pages) == 0
        libc.munmap(at, size)
    return sum(page & 1 for page in pages.raw) * mmap.PAGESIZE


def drop(path: Path) -> None:
    """Takes a file out of the cache; the test ends where that cannot be."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if cached_bytes(path):
        pytest.skip("this file system keeps files in memory")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    root.mkdir()
    for seed, (name, size) in enumerate(SIZES.items()):
        write_file(bytes(root / name), size, seed)
    return root


@pytest.mark.parametrize("name", SIZES)
def test_what_only_a_backup_reads_is_not_kept_in_the_cache(
    source: Path, repository: Repository, name: str
) -> None:
    drop(source / name)
    assert not back_up(bytes(source), repository).unread()
    assert cached_bytes(source / name) <= 64 << 10


def test_what_somebody_uses_stays_in_the_cache(source: Path, repository: Repository) -> None:
    for name in SIZES:
        drop(source / name)
        assert (source / name).read_bytes()
    before = {name: cached_bytes(source / name) for name in SIZES}
    assert all(before[name] >= size for name, size in SIZES.items())
    assert not back_up(bytes(source), repository).unread()
    assert {name: cached_bytes(source / name) for name in SIZES} == before
