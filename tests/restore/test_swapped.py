"""T13: directories of a target that are swapped for links meanwhile lead nowhere."""

import os
from pathlib import Path

import pytest

from compare import describe, differences
from restore.restoring import Forged, cuts_of, finish, plan_for, restore_slices
from swapping import swapping

SWAPS = 100_000
ROUNDS_MIN = 3


@pytest.fixture
def forged(tmp_path: Path):
    forged = Forged(tmp_path / "repository")
    yield forged
    forged.close()


def test_t13_nothing_outside_is_written_while_directories_are_swapped_for_links(
    forged: Forged, tmp_path: Path
):
    target, outside = tmp_path / "target", tmp_path / "outside"
    target.mkdir()
    (outside / "below").mkdir(parents=True)
    for name in ("canary", "below/canary"):
        (outside / name).write_bytes(b"sings")
        os.utime(outside / name, ns=(5, 5))
    before = describe(outside)
    inside = [
        forged.file(b"below", b"mine", inode=7, links=9),
        forged.file(b"canary", b"mine", inode=8, links=9),
        forged.directory(b"deep", forged.file(b"canary"), forged.symlink(b"link", b"..")),
        forged.file(b"new"),
    ]
    directories = [forged.directory(name, *inside) for name in (b"a", b"b", b"c", b"d")]
    repository, plan = forged.snapshot(*directories), plan_for(target)
    cuts = cuts_of(repository, plan)
    attacker = swapping(target, outside, SWAPS, ("directory", "link to directory", "link to file"))
    rounds = 0
    try:
        while attacker.poll() is None or rounds < ROUNDS_MIN:
            restore_slices(repository, plan, cuts)
            finish(repository, plan)
            rounds += 1
    finally:
        attacker.kill()
        attacker.wait()
    assert attacker.returncode == 0
    assert differences(before, describe(outside)) == []
