"""The commands that are runs: what they are called with, made sure of and made absolute.

Everything else is loaded after the sessions' parent is on its way.
"""

import os
import re
from pathlib import Path

from sluicegate.cli.choices import Choices, Excluding, Retention
from sluicegate.cli.excludes import gathered
from sluicegate.cli.failures import UsageError
from sluicegate.cli.places import absolute, asset_path, repository_location, where

PART = re.compile(r"[0-9]+/[0-9]+")
PART_NUMBERS = range(1, 1 << 32)
PARTS_MAX = 256
PATHS_MAX = 100
SNAPSHOT_ID = re.compile(r"[0-9a-f]{4,64}")
SNAPSHOT = re.compile(r"latest|[0-9a-f]{4,64}")


def backup(
    paths: tuple[str, ...],
    repo: str,
    choices: Choices,
    excluding: Excluding,
    *,
    server: str | None,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Backs up one path, or several together; one that is named twice counts once."""
    location = repository_location(repo, server)
    assets = tuple(dict.fromkeys(asset_path(path, server) for path in paths))
    if len(assets) > PATHS_MAX:
        raise UsageError(f"{len(assets)} paths: one command backs up at most {PATHS_MAX}")
    passed_over = gathered(excluding)
    place = where(server, choices.streams, location, password_file)
    from sluicegate.cli import runs

    runs.backup(place, location, assets, runs.options(choices, passed_over), as_json=as_json)


def restore(
    snapshot: str,
    repo: str,
    to: str,
    *,
    include: str,
    overwrite: str,
    dry_run: bool,
    drop_privileges: bool,
    streams: int,
    server: str | None,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Restores a repository snapshot, or one path of it."""
    location = repository_location(repo, server)
    wanted, target, included = _snapshot(snapshot), absolute(to, server), _included(include)
    place = where(server, streams, location, password_file)
    from sluicegate.cli import runs

    plan = runs.plan(
        wanted, target, included, overwrite, dry_run=dry_run, drop_privileges=drop_privileges
    )
    runs.restore(place, location, plan, streams, as_json=as_json)


def verify(
    snapshot: str | None,
    repo: str,
    *,
    part: str | None,
    streams: int,
    server: str | None,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Reads a repository back, or a part of it."""
    location = repository_location(repo, server)
    wanted = _snapshot(snapshot) if snapshot else ""
    chosen = _part(part) if part else None
    place = where(server, streams, location, password_file)
    from sluicegate.cli import runs

    runs.verify(place, location, wanted, chosen, streams, as_json=as_json)


def drill(
    snapshot: str,
    repo: str,
    files: int,
    *,
    server: str | None,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Restores some files of a snapshot aside and compares them."""
    location = repository_location(repo, server)
    wanted = _snapshot(snapshot)
    place = where(server, 1, location, password_file)
    from sluicegate.cli import runs

    runs.drill(place, location, wanted, files, as_json=as_json)


def forget(
    snapshots: tuple[str, ...],
    repo: str,
    retention: Retention,
    *,
    prune: bool,
    max_unused: str,
    server: str | None,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Removes snapshots by name, or those that a policy does not keep."""
    location = repository_location(repo, server)
    wanted = tuple(map(_snapshot_id, snapshots))
    if not wanted and not retention.keeps_some:
        raise UsageError("say what is kept, such as --keep-daily 7, or which snapshots are removed")
    paths = tuple(os.fsdecode(absolute(path, server)) for path in retention.paths)
    place = where(server, 1, location, password_file)
    from sluicegate.cli import maintenance

    retention = retention._replace(paths=paths)
    work = maintenance.forget_work(wanted, retention, max_unused if prune else None)
    maintenance.forget(place, location, work, as_json=as_json)


def prune(
    repo: str,
    max_unused: str,
    *,
    server: str | None,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Removes the data that no snapshot refers to."""
    location = repository_location(repo, server)
    place = where(server, 1, location, password_file)
    from sluicegate.cli import maintenance

    maintenance.prune(place, location, max_unused, as_json=as_json)


def check(
    repo: str,
    read_data: bool,
    *,
    server: str | None,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Checks a repository by the stock restic."""
    location = repository_location(repo, server)
    place = where(server, 1, location, password_file)
    from sluicegate.cli import maintenance

    maintenance.check(place, location, read_data, as_json=as_json)


def _snapshot(given: str) -> str:
    if not SNAPSHOT.fullmatch(given):
        raise UsageError(f"{given}: a snapshot is `latest` or at least four digits of its id")
    return given


def _snapshot_id(given: str) -> str:
    if not SNAPSHOT_ID.fullmatch(given):
        raise UsageError(f"{given}: a snapshot to forget is named by four digits of its id or more")
    return given


def _part(given: str) -> tuple[int, int]:
    number, _, parts = given.partition("/")
    if PART.fullmatch(given) and int(number) in PART_NUMBERS and 1 <= int(parts) <= PARTS_MAX:
        return int(number), int(parts)
    raise UsageError(f"{given}: a part is one of at most {PARTS_MAX}, such as 1/7")


def _included(given: str) -> bytes:
    """A path inside a snapshot: from its root, or else from the asset on."""
    if not given:
        return b""
    root = "/" if given.startswith("/") else ""
    return os.path.normpath(os.fsencode(root + given.lstrip("/")))
