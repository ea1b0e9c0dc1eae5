"""What is passed over and what is overwritten, through the command, beside restic's own."""

import os
from pathlib import Path

import pytest

from commands import check_repository, restic, run, sluicegate, summary
from compare import describe, differences

CACHE = b"Signature: 8a477f597d28d172789f06886806bc55\n"


@pytest.fixture
def tree(small_tree: Path) -> Path:
    """One in which every option finds something."""
    for path, content in {
        "src/a.tmp": b"1", "src/keep.tmp": b"2", "src/deep/er/a.TMP": b"3", "src/x.log": b"4",
        "cache/CACHEDIR.TAG": CACHE, "cache/big": b"5" * 99, "none/.nobackup": b"no",
        "none/deep/file": b"6", "large": b"7" * 70_000, "[z]/file": b"8", "src/Build/o": b"9",
        "mount/inside": b"0",
    }.items():  # fmt: skip
        (small_tree / path).parent.mkdir(parents=True, exist_ok=True)
        (small_tree / path).write_bytes(content)
    return small_tree


def listed(repository: Path, snapshot: str, tree: Path) -> set[str]:
    """All paths of a snapshot below a tree."""
    lines = restic(repository, "ls", snapshot).splitlines()
    return {line for line in lines if line.startswith(f"{tree}/")}


def test_the_same_files_are_left_as_by_restic_with_the_same_options(
    tree: Path, repository: Path, tmp_path: Path
):
    (tmp_path / "patterns").write_text("# logs\n*.log\n${ASSET}/\\[z\\]\n!keep.tmp\n")
    options = [
        "--exclude", "*.tmp", "--iexclude", "BUILD", "--exclude-file", tmp_path / "patterns",
        "--exclude-if-present", ".nobackup:no", "--exclude-caches", "--one-file-system",
        "--exclude-larger-than", "64K",
    ]  # fmt: skip
    env = {"ASSET": str(tree)}
    run("mount", "-t", "tmpfs", "tmpfs", tree / "mount")
    try:
        (tree / "mount" / "inside").write_bytes(b"of another file system")
        ours = summary(
            "backup", tree, "--repo", repository, "--slice-bytes", "64KiB", *options, env=env
        )
        run("restic", "--no-cache", "-r", repository, "backup", tree, *options, env=env)
    finally:
        run("umount", tree / "mount")
    kept = listed(repository, str(ours["snapshot_id"]), tree)
    assert kept == listed(repository, "latest", tree)
    every = {os.fsdecode(bytes(path)) for path in tree.rglob("*")}
    assert {f"{tree}/src/keep.tmp", f"{tree}/none/.nobackup", f"{tree}/mount"} <= kept
    assert {str(Path(path).relative_to(tree)) for path in every - kept} >= {
        "src/a.tmp", "src/x.log", "src/Build", "cache/big", "none/deep", "large", "[z]",
        "mount/inside",
    }  # fmt: skip
    check_repository(repository)


def test_a_restore_overwrites_what_it_is_told_to(tree: Path, repository: Path, tmp_path: Path):
    sluicegate("backup", tree, "--repo", repository)
    place = tmp_path / "to" / str(tree).lstrip("/")

    def restored(*options: str) -> dict[str, object]:
        return summary("restore", "latest", "--repo", repository, "--to", tmp_path / "to", *options)

    told = restored("--dry-run")
    assert told["dry_run"] and not (tmp_path / "to").exists()
    done = restored()
    names = ("files", "directories", "others")
    assert [told[name] for name in names] == [done[name] for name in names]
    assert differences(describe(tree), describe(place)) == []

    mine = place / "src" / "x.log"
    mine.write_bytes(b"mine")
    old = place / "src" / "a.tmp"
    old.write_bytes(b"old")
    os.utime(old, ns=(1, 1))
    (place / "large").unlink()
    before = describe(place)
    # A file with other names gives way whatever it holds: they may lie outside the target.
    linked = sum(bool(entry.content and entry.linked_with) for entry in before.values())
    for policy, files in (("always", 3 + linked), ("if-newer", 2), ("never", 1)):
        told = restored("--overwrite", policy, "--dry-run")
        assert (policy, told["files"]) == (policy, files)
    assert differences(before, describe(place)) == []
    shown = sluicegate(
        "restore", "latest", "--repo", repository, "--to", tmp_path / "to", "--dry-run"
    ).stdout
    assert f"would write {3 + linked} files" in shown

    restored("--overwrite", "never")
    assert (place / "large").read_bytes() == (tree / "large").read_bytes()
    assert (old.read_bytes(), mine.read_bytes()) == (b"old", b"mine")
    restored("--overwrite", "if-newer")
    assert (old.read_bytes(), mine.read_bytes()) == (b"1", b"mine")
    restored("--overwrite", "if-changed")
    assert differences(describe(tree), describe(place)) == []
