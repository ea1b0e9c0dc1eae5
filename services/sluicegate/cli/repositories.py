"""The commands that need no run: they open the repository themselves."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from container_agent.repository.errors import RepositoryError
from container_agent.repository.locations import object_place, store_at
from container_agent.repository.repository import Repository
from container_agent.repository.snapshots import Snapshot
from sluicegate.cli.failures import CommandError
from sluicegate.cli.passwords import find_password
from sluicegate.cli.places import must_be_repository, repository_location
from sluicegate.cli.reporting import print_json
from sluicegate.cli.tables import lines
from sluicegate.rpc.text import printable

NANOSECONDS = 10**9


def init(repo: str, password_file: Path | None, *, as_json: bool) -> None:
    """Makes a new repository in a place that is empty or not there."""
    location = repository_location(repo, None)
    _must_be_empty(location)
    password = find_password(password_file, twice=True)
    with _understood(location):
        store = store_at(location)
        Repository.create(store, password)
        repository_id = Repository.open(store, password).id
    if as_json:
        print_json({"event": "created", "repository": location, "id": repository_id})
        return
    print(f"made repository {repository_id[:10]} at {printable(location)}")
    print("Without its password, what is in it is lost: keep the password apart from it.")


def snapshots(repo: str, password_file: Path | None, *, as_json: bool) -> None:
    """Lists the snapshots, oldest first."""
    location = repository_location(repo, None)
    must_be_repository(location)
    password = find_password(password_file)
    with _understood(location):
        found = Repository.open(store_at(location), password).snapshots()
    found.sort(key=lambda snapshot: snapshot.time_ns)
    if as_json:
        for snapshot in found:
            print_json(_snapshot_object(snapshot))
    else:
        print("\n".join(_table(found)))


def _must_be_empty(location: str) -> None:
    if object_place(location) is not None:
        return
    try:
        names = os.listdir(location)
    except FileNotFoundError:
        return
    except OSError as error:
        raise CommandError(f"cannot make a repository at {location}: {error.strerror}") from None
    if "config" in names:
        raise CommandError(f"{location} is a repository already; nothing was changed")
    if names:
        raise CommandError(f"{location} is not empty; name an empty directory or a new one")


@contextmanager
def _understood(location: str) -> Iterator[None]:
    try:
        yield
    except RepositoryError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"cannot use {location}: {error.strerror}") from error


def _table(found: list[Snapshot]) -> list[str]:
    head = ("id", "time", "host", "paths", "tags")
    many = "1 snapshot" if len(found) == 1 else f"{len(found)} snapshots"
    return [*(lines([head, *map(_row, found)], head) if found else []), many]


def _row(snapshot: Snapshot) -> tuple[str, str, str, str, str]:
    return (
        snapshot.snapshot_id.hex()[:8],
        _time(snapshot).strftime("%Y-%m-%d %H:%M:%S"),
        printable(snapshot.hostname),
        printable(", ".join(snapshot.paths)),
        printable(", ".join(snapshot.tags)),
    )


def _snapshot_object(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "event": "snapshot",
        "id": snapshot.snapshot_id.hex(),
        "time": _time(snapshot).isoformat(),
        "hostname": snapshot.hostname,
        "username": snapshot.username,
        "paths": list(snapshot.paths),
        "tags": list(snapshot.tags),
        "parent": snapshot.parent.hex() if snapshot.parent else "",
        "tree": snapshot.tree.hex(),
    }


def _time(snapshot: Snapshot) -> datetime:
    """In the local time zone, as `date` would say it."""
    return datetime.fromtimestamp(snapshot.time_ns / NANOSECONDS).astimezone()
