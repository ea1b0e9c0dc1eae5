"""Damages a repository, a byte or a pack at a time, and looks what a verify and a restore make of
it."""

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from backing import back_up
from compare import content_of, paths_below
from container_agent.repository import keys
from container_agent.repository.errors import RepositoryError
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
from repositories import SECRET, reopen
from restore.restoring import damage, plan_for, restore_all, verified

BACKUPS = 4
FILES = 12
RUN_BYTES_MAX = 64


@dataclass(frozen=True)
class Harm:
    """What some files of a repository are instead of what they were."""

    told: str
    files: dict[Path, bytes]

    @contextmanager
    def done(self) -> Iterator[None]:
        """The files are so meanwhile."""
        before = {path: path.read_bytes() for path in self.files}
        replace(self.files)
        try:
            yield
        finally:
            replace(before)


def replace(files: dict[Path, bytes]) -> None:
    """Puts other bytes into files that are not meant to be written."""
    for path, content in files.items():
        path.unlink()
        path.write_bytes(content)


@dataclass(frozen=True)
class Campaign:
    """A small repository of a few backups, and what it was made from."""

    source: Path
    location: Path
    scratch: Path

    @classmethod
    def begin(cls, place: Path) -> "Campaign":
        """Makes both below a directory. Its key is a cheap one, as it is opened thousands of
        times."""
        campaign = cls(place / "source", place / "repository", place / "restored")
        campaign.source.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(keys, "N", 2)
            Repository.create(LocalStore(str(campaign.location)), SECRET)
        for number in range(BACKUPS):
            campaign._add_files(number)
            back_up(bytes(campaign.source), reopen(campaign.location), backup_id=f"c{number}")
        assert campaign.verdict() == "" and campaign.wrongly_restored() == []
        return campaign

    def _add_files(self, number: int) -> None:
        rng = random.Random(number)
        below = self.source / f"d{number}" / "e"
        below.mkdir(parents=True)
        for at in range(FILES):
            text = b"the same words " * rng.randrange(400)
            (below / f"f{at}").write_bytes(text + rng.randbytes(rng.randrange(4000)))
        (below / "large").write_bytes(rng.randbytes(100_000))
        (below / "link").symlink_to(f"f{number}")

    def metadata(self) -> list[Path]:
        """All files but packs and locks."""
        kinds = ("keys", "index", "snapshots")
        below = [p for kind in kinds for p in sorted((self.location / kind).iterdir())]
        return [self.location / "config", *below]

    def packs(self) -> list[Path]:
        """All packs."""
        return sorted(path for path in (self.location / "data").rglob("*") if path.is_file())

    def altered_bytes(self, seed: int) -> Iterator[Harm]:
        """Every byte of all metadata files, one at a time."""
        rng = random.Random(seed)
        for path in self.metadata():
            content = path.read_bytes()
            for at in range(len(content)):
                yield Harm(f"byte {at} of {path.name}", {path: altered(content, at, rng)})

    def harmed_packs(self, seed: int) -> Iterator[Harm]:
        """Flipped bits, altered runs, packs cut short, packs and parts of packs swapped; for
        ever."""
        rng, packs = random.Random(seed), self.packs()
        while True:
            pack, other = rng.sample(packs, 2)
            content = pack.read_bytes()
            at = rng.randrange(len(content))
            match rng.randrange(5):
                case 0:
                    told, files = "flip", {pack: flipped(content, at, 1 << rng.randrange(8))}
                case 1:
                    told, files = "run", {pack: overwritten(content, at, rng)}
                case 2:
                    told, files = "cut", {pack: content[:at]}
                case 3:
                    told, files = "swap", {pack: other.read_bytes(), other: content}
                case _:
                    told, files = "parts", {pack: content[at:] + content[:at]}
            if files[pack] != content:
                yield Harm(f"{told} at {at} of {pack.name}", files)

    def verdict(self) -> str:
        """What a verify says: nothing when all is as it was written."""
        try:
            return damage(verified(reopen(self.location)))
        except RepositoryError as error:
            return str(error)

    def wrongly_restored(self) -> list[bytes]:
        """The files that a restore of the latest snapshot brings back with other bytes, and those
        that it leaves out without a word."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        told: set[bytes] | None = set()
        try:
            unread = restore_all(reopen(self.location), plan_for(self.scratch)).unread
            told = {os.path.join(b"/", path) for path, _, _ in unread}
        except RepositoryError:
            told = None
        return [path for path in paths_below(bytes(self.source)) if self._is_wrong(path, told)]

    def _is_wrong(self, path: bytes, told: set[bytes] | None) -> bool:
        source = os.path.join(bytes(self.source), path)
        restored = bytes(self.scratch) + source
        if os.path.isdir(source):
            return False
        if not os.path.lexists(restored):
            return told is not None and source not in told
        if os.path.islink(source):
            return os.readlink(restored) != os.readlink(source)
        return content_of(restored) != content_of(source)


def flipped(content: bytes, at: int, bits: int) -> bytes:
    """The same but for some bits of a byte."""
    return content[:at] + bytes((content[at] ^ bits,)) + content[at + 1 :]


def altered(content: bytes, at: int, rng: random.Random) -> bytes:
    """The same but for a byte that is another."""
    return flipped(content, at, rng.randrange(1, 256))


def overwritten(content: bytes, at: int, rng: random.Random) -> bytes:
    """The same but for a run of random bytes, as long as before."""
    run = rng.randbytes(min(rng.randrange(1, RUN_BYTES_MAX), len(content) - at))
    return content[:at] + run + content[at + len(run) :]


def missed(campaign: Campaign, harm: Harm) -> str | None:
    """What is wrong with how a harm was met, in a line; None when it was found by a verify and did
    a restore none."""
    with harm.done():
        if not campaign.verdict():
            return f"{harm.told}: not found"
        if wrong := campaign.wrongly_restored():
            return f"{harm.told}: restored wrongly {wrong[0]!r}"
    return None
