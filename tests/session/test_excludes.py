"""What is excluded is passed over by the crawl and by every slice, as restic passes over it."""

import os
import random
from pathlib import Path

import pytest

from backing import back_up
from commands import restic
from container_agent.repository.repository import Repository
from meanwhile import restored
from sluicegate.patterns import PatternInvalid, Patterns
from sluicegate.v1 import slice_pb2

CACHE = b"Signature: 8a477f597d28d172789f06886806bc55\n"
NAMES = ("a", "b.tmp", "c.TMP", "cache", "src", "x y", "[z]", "ab", "node_modules")
PATTERNS = (
    b"*.tmp", b"src", b"src/a", b"cache/**/a", b"**/src/*", b"a?", b"[ab]", b"[^a-w]*", b"x y/",
    b"src/**", b"\\[z\\]", b"node_modules/*/b.tmp", b"nothing",
)  # fmt: skip


def make(root: Path, seed: int) -> None:
    """Directories and files of few names."""
    rng = random.Random(seed)
    places = [root]
    root.mkdir()
    for _ in range(60):
        place = rng.choice(places) / rng.choice(NAMES)
        if place.exists():
            continue
        if rng.random() < 0.5:
            place.mkdir()
            places.append(place)
        else:
            place.write_bytes(rng.randbytes(rng.choice([10, 3000])))
    for place in rng.sample(places, len(places) // 3):
        (place / "CACHEDIR.TAG").write_bytes(CACHE if rng.random() < 0.7 else b"other")
        (place / ".nobackup").write_bytes(b"yes" if rng.random() < 0.5 else b"no")


def listed(location: Path, snapshot: str) -> set[str]:
    """All paths of a snapshot."""
    return set(restic(location, "ls", snapshot).splitlines()[1:])


def options_of(excludes: slice_pb2.Excludes) -> list[str]:
    """The same in restic's words."""
    options = [f"--exclude={os.fsdecode(p)}" for p in excludes.patterns]
    options += [f"--iexclude={os.fsdecode(p)}" for p in excludes.insensitive_patterns]
    options += [f"--exclude-if-present={os.fsdecode(p)}" for p in excludes.if_present]
    options += ["--exclude-caches"] * excludes.caches
    if excludes.larger_than_bytes:
        options.append(f"--exclude-larger-than={excludes.larger_than_bytes}")
    return options


@pytest.mark.parametrize("seed", range(12))
def test_the_same_is_excluded_as_by_restic(
    seed: int, tmp_path: Path, location: Path, repository: Repository
) -> None:
    rng = random.Random(seed)
    source = tmp_path / "asset"
    make(source, seed)
    excludes = slice_pb2.Excludes(
        patterns=rng.sample(PATTERNS, rng.randrange(3)),
        insensitive_patterns=rng.sample([b"*.Tmp", b"SRC", b"Cache"], rng.randrange(2)),
        if_present=rng.sample([b".nobackup", b".nobackup:yes"], rng.randrange(2)),
        caches=rng.random() < 0.4,
        larger_than_bytes=rng.choice([0, 1024]),
    )
    if seed % 3 == 0:
        excludes.patterns.append(os.fsencode(source / rng.choice(NAMES)))
    done = back_up(bytes(source), repository, slice_files=rng.choice([1, 5, 99]), excludes=excludes)
    assert not done.unread()
    restic(location, "backup", source, *options_of(excludes))
    above = {str(place) for place in source.parents if place != Path("/")}
    ours = listed(location, done.snapshot_id.hex())
    assert ours - above == listed(location, "latest") - above
    assert restic(location, "check", "--read-data")


def test_what_is_taken_back_stays(tmp_path: Path, location: Path, repository: Repository) -> None:
    source = tmp_path / "asset"
    source.mkdir()
    for name in ("a.log", "b.log", "c.txt"):
        (source / name).write_bytes(b"x")
    excludes = slice_pb2.Excludes(patterns=[b"*.log", b"!b.log"])
    back_up(bytes(source), repository, excludes=excludes)
    assert sorted(restored(location, tmp_path, source)) == [b"b.log", b"c.txt"]


def test_of_another_file_system_only_the_mount_point_is_taken(
    location: Path, repository: Repository
) -> None:
    source = Path("/dev")
    assert os.stat(source).st_dev != os.stat("/dev/shm").st_dev
    excludes = slice_pb2.Excludes(one_file_system=True, patterns=[b"[!s]*", b"s[!h]*"])
    excludes.patterns[:] = [b"[^s]*", b"s[^h]*"]
    done = back_up(bytes(source), repository, excludes=excludes)
    paths = listed(location, done.snapshot_id.hex())
    assert paths == {"/dev", "/dev/shm"}


def test_a_relative_pattern_is_about_what_lies_below_the_root() -> None:
    patterns = Patterns([b"home"])
    assert patterns.match(b"/home/anna", b"/x/home") and not patterns.match(b"/home/anna", b"/x")
    assert Patterns([b"/home"]).match(b"/home/anna", b"/x")
    assert not Patterns([b"/x"]).match(b"/home/anna", b"/x")
    assert Patterns([b"a/b"]).match(b"", b"/a/b/c") and not Patterns([b"a/b"]).match(b"", b"/xa/b")
    assert Patterns([b"\xc4"]).match(b"", b"/\xc4")
    assert Patterns(["\u00c4".encode()], True).match(b"", "/\u00e4".encode())


@pytest.mark.parametrize("pattern", [b"[a", b"/", b"!", b"[z-a]"])
def test_a_pattern_that_means_nothing_is_invalid(pattern: bytes) -> None:
    with pytest.raises(PatternInvalid):
        Patterns([pattern])
