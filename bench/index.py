"""`python -m bench.index`: the index of a large repository, as a session opens it.

A repository is given index files as a backup of large files would write them; the packs that they
name do not exist. The first opening makes the index file of the host, each later one maps it. Each
is a process of its own, so that its memory is its own.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench.scratch import DISK, scratch
from container_agent.host.parent_program import MEMORY
from container_agent.repository import documents
from container_agent.repository.blobs import BlobKind
from container_agent.repository.index_documents import BLOBS_PER_FILE, encode_index
from container_agent.repository.keys import open_key
from container_agent.repository.packs import PackedBlob
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore

PASSWORD = b"bench"
BLOBS_PER_PACK = 20
BLOB_BYTES = 800 << 10
LOOKUPS = 20_000
# More than lies in memory beside the file.
MORE_PART = 20
Told = dict[str, float]
NOTHING: Told = {"seconds": 0.0, "peak": 0.0}
HEADER = (
    f"{'blobs':>11} {'indexes MiB':>11} {'file MiB':>8} {'made s':>7} {'peak MiB':>8} {'open s':>7}"
    f" {'own MiB':>8} {'more MiB':>8} {'found/s':>9} {'missed/s':>9} {'merged s':>8}"
    f" {'peak MiB':>8}"
)


def fill(location: Path, blobs: int, seed: int = 1) -> None:
    """Makes a repository whose indexes name so many blobs by chance; the packs are not there."""
    Repository.create(LocalStore(str(location)), PASSWORD)
    add(location, blobs, seed)


def add(location: Path, blobs: int, seed: int) -> None:
    """Has the indexes of a repository name so many more."""
    store = LocalStore(str(location))
    sealer = Repository.open(store, PASSWORD)._sealer
    chance = random.Random(seed)
    for first in range(0, blobs, BLOBS_PER_FILE):
        told = encode_index(packs_of(chance, min(BLOBS_PER_FILE, blobs - first)))
        documents.save_json(store, sealer, "index", told)


def packs_of(chance: random.Random, blobs: int) -> Iterator[tuple[bytes, list[PackedBlob]]]:
    """Packs of data blobs."""
    for first in range(0, blobs, BLOBS_PER_PACK):
        ids = (chance.randbytes(32) for _ in range(min(BLOBS_PER_PACK, blobs - first)))
        yield (
            chance.randbytes(32),
            [
                PackedBlob(BlobKind.DATA, blob_id, at * BLOB_BYTES, BLOB_BYTES, 1 << 20)
                for at, blob_id in enumerate(ids)
            ],
        )


def some_ids(blobs: int, seed: int = 1) -> list[bytes]:
    """Blobs of the first index file that `fill` made."""
    packs = packs_of(random.Random(seed), min(blobs, BLOBS_PER_FILE))
    return [blob.blob_id for _, packed in packs for blob in packed][:LOOKUPS]


def memory_mib(word: str) -> float:
    """What the system says of this process's memory, in MiB."""
    [line] = [x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith(word)]
    return int(line.split()[1]) / 1024


class Peak(threading.Thread):
    """The most memory of its own that this process has during the block, looked at 50 times a
    second: what it shares and could give back does not count."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.mib = 0.0
        self._over = threading.Event()

    def __enter__(self) -> "Peak":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        """Looks."""
        while not self._over.wait(0.02):
            self.mib = max(self.mib, memory_mib("RssAnon"))


def opened(location: Path, key: str, blobs: int, cache: Path | None) -> Told:
    """Opens the index as a session does; what that took, and how fast blobs are looked up."""
    import container_agent.session.work  # noqa: F401  # what a session has loaded

    store = LocalStore(str(location))
    repository = Repository.open(store, b"", bytes.fromhex(key), cache)
    before, began = memory_mib("RssAnon"), time.monotonic()
    with Peak() as peak:
        repository.load_index()
    took, after = time.monotonic() - began, memory_mib("RssAnon")
    ids, chance = some_ids(blobs), random.Random(2)
    others = [chance.randbytes(32) for _ in range(LOOKUPS)]
    found, missed = (rate(repository, some) for some in (ids, others))
    assert repository.has(BlobKind.DATA, ids[0]) and not repository.has(BlobKind.DATA, others[0])
    return {
        "seconds": took, "own": after, "more": after - before, "peak": peak.mib,
        "found": found, "missed": missed,
    }  # fmt: skip


def rate(repository: Repository, ids: list[bytes]) -> float:
    """Lookups a second."""
    began = time.monotonic()
    for blob_id in ids:
        repository.has(BlobKind.DATA, blob_id)
    return len(ids) / (time.monotonic() - began)


def opening(location: Path, cache: Path | None, blobs: int) -> Told:
    """The same in a process of its own, which is given the key as sessions are."""
    key = open_key(LocalStore(str(location)), PASSWORD).secret.hex()
    command = [sys.executable, "-m", "bench.index", "--open", location, key, blobs]
    done = subprocess.run(
        list(map(str, [*command, *([cache] if cache else [])])),
        env=os.environ | MEMORY,
        stdout=subprocess.PIPE,
        check=True,
    )
    told: Told = json.loads(done.stdout)
    return told


def measure(blobs: int, place: Path, *, in_memory: bool) -> None:
    """Prints a line for the file, which at last has a twentieth merged in, and one for the index in
    memory, where none is made."""
    with scratch(place) as at:
        location, cache = at / "repository", at / "cache"
        fill(location, blobs)
        indexes = sum(file.stat().st_size for file in (location / "index").iterdir())
        made, told = opening(location, cache, blobs), opening(location, cache, blobs)
        size = sum(file.stat().st_size for file in cache.glob("*/index"))
        in_its_own = opening(location, None, blobs) if in_memory else None
        add(location, blobs // MORE_PART, seed=3)
        show(blobs, indexes, size, made, told, opening(location, cache, blobs))
        if in_its_own:
            show(blobs, indexes, 0, NOTHING, in_its_own, NOTHING)


def show(blobs: int, indexes: int, size: int, made: Told, told: Told, merged: Told) -> None:
    """Prints one line."""
    print(
        f"{blobs:>11,} {indexes / 2**20:>11,.0f} {size / 2**20:>8,.0f} {made['seconds']:>7.1f}"
        f" {made['peak']:>8,.0f} {told['seconds']:>7.3f} {told['own']:>8,.1f} {told['more']:>8,.1f}"
        f" {told['found']:>9,.0f} {told['missed']:>9,.0f} {merged['seconds']:>8.1f}"
        f" {merged['peak']:>8,.0f}",
        flush=True,
    )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.index", description=__doc__)
    parser.add_argument("blobs", nargs="*", type=int, default=[1_000_000, 10_000_000])
    parser.add_argument("--scratch", type=Path, default=DISK)
    parser.add_argument("--in-memory", action="store_true", help="Also without the file.")
    parser.add_argument("--open", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.open:
        location, key, blobs, *cache = options.open
        told = opened(Path(location), key, int(blobs), Path(cache[0]) if cache else None)
        print(json.dumps(told))
        return
    print(HEADER, flush=True)
    for blobs in options.blobs:
        measure(blobs, options.scratch, in_memory=options.in_memory)


if __name__ == "__main__":
    main()
