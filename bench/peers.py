"""The programs that people back up with today, and the commands by which each is timed."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

STREAMS = 2
PASSWORD = "bench"
SLUICEGATE = Path(sys.executable).parent / "sluicegate"

Command = Sequence[object]


@dataclass(frozen=True)
class Peer:
    """A program, what it needs before its first backup, and its commands: made from the source and
    the directory that the program has to itself. A restore is run in the directory to fill.
    """

    name: str
    backup: Callable[[Path, Path], Command]
    restore: Callable[[Path], Command]
    begin: Callable[[Path], Command] | None = None


def kept(at: Path) -> Path:
    """Where a program keeps what it stores."""
    return at / "kept"


def restored(at: Path) -> Path:
    """Where a program restores to."""
    return at / "restored"


def _sluicegate(word: str, at: Path, *more: object) -> Command:
    return [SLUICEGATE, word, *more, "--repo", kept(at)]


def _restic(word: str, at: Path, *more: object) -> Command:
    """With its defaults, but without its cache, as a repository at hand needs none."""
    return ["restic", "--no-cache", "--quiet", "-r", kept(at), word, *more]


def _borg(word: str, at: Path, *more: object) -> Command:
    """With what it remembers of repositories kept apart from the user's."""
    return ["env", f"BORG_BASE_DIR={at}/borg", f"BORG_PASSPHRASE={PASSWORD}", "borg", word, *more]


RCLONE = ("rclone", "sync", "--links", "--metadata", "--transfers", STREAMS)
SHELL_BORG = 'borg extract "$0::$(borg list --last 1 --short "$0")"'

PEERS = (
    Peer(
        "sluicegate",
        begin=lambda at: _sluicegate("init", at),
        backup=lambda source, at: _sluicegate("backup", at, source, "--streams", STREAMS),
        restore=lambda at: _sluicegate("restore", at, "latest", "--to", restored(at)),
    ),
    Peer(
        "restic",
        begin=lambda at: _restic("init", at),
        backup=lambda source, at: _restic("backup", at, source),
        restore=lambda at: _restic("restore", at, "latest", "--target", restored(at)),
    ),
    Peer(
        "borg",
        begin=lambda at: _borg("init", at, "--encryption", "repokey-blake2", kept(at)),
        backup=lambda source, at: _borg("create", at, f"{kept(at)}::{{now:%s%f}}", source),
        restore=lambda at: [*_borg("", at)[:-2], "sh", "-c", SHELL_BORG, kept(at)],
    ),
    Peer(
        "rclone",
        backup=lambda source, at: [*RCLONE, source, kept(at)],
        restore=lambda at: [*RCLONE, kept(at), restored(at)],
    ),
    Peer(
        "cp -a",
        backup=lambda source, at: ["cp", "-a", "--update", "-T", source, kept(at)],
        restore=lambda at: ["cp", "-a", "-T", kept(at), restored(at)],
    ),
    Peer(
        "tar | zstd",
        backup=lambda source, at: [
            *("tar", "-c", "-I", f"zstd -1 -T{STREAMS}", "-f", kept(at), "-C", source, "."),
        ],
        restore=lambda at: ["tar", "-x", "-I", "zstd", "-f", kept(at)],
    ),
)
