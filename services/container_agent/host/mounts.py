"""What of a host its sessions see: primary storage, backup storage, targets of restores."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
VOLUME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
# What a container has of its own: these must not be covered, and in those nothing may lie.
OWN = frozenset(("", "/bin", "/etc", "/lib", "/lib64", "/run", "/sbin", "/tmp", "/usr"))
NOTHING_IN = ("/dev", "/proc", "/run/sluicegate", "/sys", "/usr/local")


class MountRefused(Exception):
    """Something that cannot be shown to sessions; the message says what to give instead."""


@dataclass(frozen=True)
class Mount:
    """A directory of the host, or a volume of the engine, at a path inside. Sessions name what
    they read and write by that path, so it is the same on every host."""

    source: str
    path: str
    read_only: bool
    restores: bool = False

    @property
    def is_volume(self) -> bool:
        """Whether the engine mounts it: so come in NFS and CIFS shares."""
        return not self.source.startswith("/")

    def fields(self) -> dict[str, object]:
        """The mount as the engine's API takes it."""
        kind = "volume" if self.is_volume else "bind"
        fields: dict[str, object] = {
            "Type": kind,
            "Source": self.source,
            "Target": self.path,
            "ReadOnly": self.read_only,
        }
        if not self.is_volume:
            # What is mounted later on either side stays there.
            fields["BindOptions"] = {"Propagation": "rprivate"}
        return fields


def parse_mount(said: str, *, read_only: bool, restores: bool = False) -> Mount:
    """A mount as it is given: `PATH`, `PATH:PATH-INSIDE` or `VOLUME:PATH-INSIDE`.

    MountRefused for what is none, and for paths inside that would cover the image's own.
    """
    source, colon, inside = said.partition(":")
    path = os.path.normpath(inside if colon else source)
    if not source.startswith("/") and not (colon and VOLUME.match(source)):
        raise MountRefused(f"{said!r} is not a mount: give /PATH, /PATH:/INSIDE or VOLUME:/INSIDE")
    if not path.startswith("/") or ":" in inside:
        raise MountRefused(f"{said!r}: the path inside must be absolute and have no colon")
    if path.rstrip("/") in OWN or f"{path}/".startswith(tuple(f"{own}/" for own in NOTHING_IN)):
        raise MountRefused(f"{said!r}: {path} is the image's own; give another path inside")
    source = os.path.normpath(source) if source.startswith("/") else source
    return Mount(source, path, read_only, restores)


def check_mounts(mounts: Iterable[Mount]) -> tuple[Mount, ...]:
    """The mounts, whose paths must not lie in one another; MountRefused where they do, or where a
    directory is not there."""
    checked: list[Mount] = []
    for mount in mounts:
        for other in checked:
            if os.path.commonpath((mount.path, other.path)) in (mount.path, other.path):
                raise MountRefused(f"{mount.path} and {other.path} lie in one another; give one")
        if not mount.is_volume and not Path(mount.source).is_dir():
            raise MountRefused(f"{mount.source} is not a directory of this host; make or mount it")
        checked.append(mount)
    return tuple(checked)


def with_submounts(mounts: Iterable[Mount], table: Path = MOUNTS) -> Iterator[Mount]:
    """The mounts, and apart what is mounted beneath those that are read only: engines leave that
    writable unless it is named (before Docker 25)."""
    points = sorted(_mount_points(table))
    for mount in mounts:
        yield mount
        if mount.read_only and not mount.is_volume:
            top = mount.source.rstrip("/") + "/"
            for point in points:
                if point.startswith(top):
                    inside = os.path.join(mount.path, point[len(top) :])
                    yield replace(mount, source=point, path=inside)


def _mount_points(table: Path) -> set[str]:
    # The fifth column, with white space as octal escapes.
    columns = (line.split(" ") for line in table.read_text().splitlines())
    return {
        re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), column[4])
        for column in columns
    }
