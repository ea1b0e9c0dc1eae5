"""Repository snapshots: what a finished backup becomes."""

from dataclasses import dataclass
from typing import Any

from container_agent.repository.errors import (
    RepositoryDamaged,
    SnapshotAmbiguous,
    SnapshotUnknown,
)
from container_agent.repository.times import format_time, parse_time, parse_zone


@dataclass(frozen=True)
class Snapshot:
    """One repository snapshot. `snapshot_id` is empty until it is saved; paths are text, as the
    format has it: bytes that are no UTF-8 stand as replacement characters. `zone_minutes` is that
    of its time, east of Greenwich; None for where it is saved."""

    time_ns: int
    tree: bytes
    paths: tuple[str, ...]
    hostname: str = ""
    username: str = ""
    uid: int = 0
    gid: int = 0
    parent: bytes | None = None
    tags: tuple[str, ...] = ()
    snapshot_id: bytes = b""
    zone_minutes: int | None = None


def path_text(path: bytes) -> str:
    """A path as snapshots name it."""
    return path.decode("utf-8", "replace")


def encode_snapshot(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot's document."""
    document: dict[str, Any] = {"time": format_time(snapshot.time_ns, snapshot.zone_minutes)}
    if snapshot.parent:
        document["parent"] = snapshot.parent.hex()
    document |= {
        "tree": snapshot.tree.hex(),
        "paths": list(snapshot.paths),
        "hostname": snapshot.hostname,
        "username": snapshot.username,
        "uid": snapshot.uid,
        "gid": snapshot.gid,
    }
    if snapshot.tags:
        document["tags"] = list(snapshot.tags)
    return document


def decode_snapshot(document: dict[str, Any], snapshot_id: bytes) -> Snapshot:
    """A snapshot from its document; RepositoryDamaged when it is none."""
    try:
        parent = document.get("parent")
        return Snapshot(
            time_ns=parse_time(document["time"]),
            tree=bytes.fromhex(document["tree"]),
            paths=tuple(document["paths"]),
            hostname=document.get("hostname", ""),
            username=document.get("username", ""),
            uid=document.get("uid", 0),
            gid=document.get("gid", 0),
            parent=bytes.fromhex(parent) if parent else None,
            tags=tuple(document.get("tags") or ()),
            snapshot_id=snapshot_id,
            zone_minutes=parse_zone(document["time"]),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise RepositoryDamaged(
            f"Snapshot {snapshot_id.hex()[:8]} is damaged: {error!r}."
        ) from error


def choose(snapshots: list[Snapshot], name: str) -> Snapshot:
    """The newest for `latest`, else the one whose id begins so."""
    if not snapshots:
        raise SnapshotUnknown("The repository holds no snapshots yet; make one with a backup.")
    if name == "latest":
        return max(snapshots, key=lambda snapshot: snapshot.time_ns)
    found = [s for s in snapshots if name and s.snapshot_id.hex().startswith(name.lower())]
    if not found:
        raise SnapshotUnknown(
            f"The repository holds no snapshot {name}; `sluicegate snapshots` lists them."
        )
    if len(found) > 1:
        raise SnapshotAmbiguous(f"{len(found)} snapshots begin with {name}; give more digits.")
    return found[0]
