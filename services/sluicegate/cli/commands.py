"""The commands that are runs: backup, restore, verify."""

import asyncio
import os
import re
import sys
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from sluicegate.cli.client import BackupRun, RestoreRun, Run, Standing, VerifyRun
from sluicegate.cli.conduct import Conductor
from sluicegate.cli.failures import ExitCode, UsageError, say
from sluicegate.cli.places import absolute, asset_path, repository_location, where
from sluicegate.cli.reporting import print_json, reporter
from sluicegate.cli.summary import (
    backup_lines,
    exit_code,
    restore_lines,
    summary_object,
    verify_lines,
)
from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1 import slice_pb2

SNAPSHOT = re.compile(r"latest|[0-9a-f]{4,64}")


def backup(
    path: str,
    repo: str,
    *,
    streams: int,
    slices_per_session: int,
    slice_bytes: int,
    server: str | None,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Backs up one path."""
    location = repository_location(repo, server)
    options = pb.BackupOptions(
        method=pb.METHOD_BATCH,
        streams=streams,
        slices_per_session=slices_per_session,
        slice_bytes=slice_bytes,
    )
    run = BackupRun(_new_id(), asset_path(path, server), location, options)
    place = where(server, streams, location, password_file)
    _conduct(run, place, backup_lines, as_json=as_json)


def restore(
    snapshot: str,
    repo: str,
    to: str,
    *,
    include: str,
    streams: int,
    server: str | None,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Restores a repository snapshot, or one path of it."""
    location = repository_location(repo, server)
    plan = slice_pb2.RestorePlan(
        snapshot=_snapshot(snapshot), target=absolute(to, server), include=_included(include)
    )
    run = RestoreRun(_new_id(), location, plan, streams)
    place = where(server, streams, location, password_file)
    _conduct(run, place, restore_lines, as_json=as_json)


def verify(
    snapshot: str | None,
    repo: str,
    *,
    server: str | None,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Reads a repository back, or what one snapshot of it refers to."""
    location = repository_location(repo, server)
    run = VerifyRun(_new_id(), location, _snapshot(snapshot) if snapshot else "")
    place = where(server, 1, location, password_file)
    _conduct(run, place, verify_lines, as_json=as_json)


def _conduct(
    run: Run,
    place: AbstractAsyncContextManager[str],
    lines: Callable[[Standing], list[str]],
    *,
    as_json: bool,
) -> None:
    """Sees a run through, says how it ended, and ends the program."""
    if as_json:
        print_json({"event": "started", "run_id": run.run_id})
    with reporter(as_json=as_json) as report:
        conductor = Conductor(run, place, report)
        standing = asyncio.run(conductor.result())
    code = exit_code(standing, conductor.interrupted)
    if as_json:
        print_json(summary_object(standing))
    elif code in (ExitCode.ALL, ExitCode.SOME_UNREAD):
        print("\n".join(lines(standing)))
    if code == ExitCode.INTERRUPTED:
        say("interrupted; what was stored is kept and used by the next run")
    elif code == ExitCode.NOTHING:
        say(standing.status.message or "it failed, and no reason is known")
    sys.stdout.flush()
    sys.exit(code)


def _new_id() -> str:
    return uuid.uuid4().hex


def _snapshot(given: str) -> str:
    if not SNAPSHOT.fullmatch(given):
        raise UsageError(f"{given}: a snapshot is `latest` or at least four digits of its id")
    return given


def _included(given: str) -> bytes:
    """A path inside a snapshot: from its root, or else from the asset on."""
    if not given:
        return b""
    root = "/" if given.startswith("/") else ""
    return os.path.normpath(os.fsencode(root + given.lstrip("/")))
