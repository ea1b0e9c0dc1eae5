"""Runs, as the command makes them and sees them through."""

import asyncio
import os
import sys
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from sluicegate.cli.choices import Choices, Excluding
from sluicegate.cli.client import BackupRun, RestoreRun, Run, Standing, VerifyRun
from sluicegate.cli.conduct import Conductor
from sluicegate.cli.failures import ExitCode, say
from sluicegate.cli.reporting import print_json, reporter
from sluicegate.cli.sets import BackupSet, set_lines, set_objects
from sluicegate.cli.summary import (
    backup_lines,
    damage_lines,
    drill_lines,
    exit_code,
    restore_lines,
    summary_objects,
    verify_lines,
)
from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1 import slice_pb2

Place = AbstractAsyncContextManager[str]


def options(choices: Choices, excluding: Excluding) -> pb.BackupOptions:
    """A user's choices as the data manager takes them."""
    return pb.BackupOptions(
        method=pb.Method.Value(_name("METHOD", choices.method)),
        streams=choices.streams,
        slices_per_session=choices.slices_per_session,
        slice_bytes=choices.slice_bytes,
        order=pb.SliceOrder.Value(_name("SLICE_ORDER", choices.order)),
        priority=choices.priority,
        weight=choices.weight,
        hedge=choices.hedge,
        storage_wait_seconds=choices.storage_wait_seconds,
        excludes=_excludes(excluding) if any(excluding) else None,
        read_policy=slice_pb2.ReadPolicy(bytes_per_second=choices.read_bytes_per_second)
        if choices.read_bytes_per_second
        else None,
    )


def backup(
    place: Place,
    location: str,
    paths: tuple[bytes, ...],
    options: pb.BackupOptions,
    *,
    as_json: bool,
) -> None:
    """Backs up one path, or a set of them."""
    runs = tuple(BackupRun(new_id(), path, location, options) for path in paths)
    if len(runs) == 1:
        conduct(runs[0], place, backup_lines, as_json=as_json)
    else:
        conduct(BackupSet(new_id(), runs), place, set_lines, set_objects, as_json=as_json)


def plan(
    snapshot: str,
    target: bytes,
    include: bytes,
    overwrite: str,
    *,
    dry_run: bool,
    drop_privileges: bool,
) -> slice_pb2.RestorePlan:
    """What is restored, where to, and instead of what."""
    return slice_pb2.RestorePlan(
        snapshot=snapshot,
        target=target,
        include=include,
        overwrite=slice_pb2.Overwrite.Value(_name("OVERWRITE", overwrite)),
        dry_run=dry_run,
        drop_privileges=drop_privileges,
    )


def restore(
    place: Place, location: str, plan: slice_pb2.RestorePlan, streams: int, *, as_json: bool
) -> None:
    """Restores a repository snapshot, or one path of it."""
    conduct(RestoreRun(new_id(), location, plan, streams), place, restore_lines, as_json=as_json)


def verify(
    place: Place,
    location: str,
    snapshot: str,
    part: tuple[int, int] | None,
    streams: int,
    *,
    as_json: bool,
) -> None:
    """Reads a repository back; with a snapshot, only what that refers to."""
    chosen = slice_pb2.Part(number=part[0], parts=part[1]) if part else None
    work = slice_pb2.VerifyWork(snapshot=snapshot, part=chosen)
    conduct(VerifyRun(new_id(), location, work, streams), place, verify_lines, as_json=as_json)


def drill(place: Place, location: str, snapshot: str, files: int, *, as_json: bool) -> None:
    """Restores some files of a snapshot aside and compares them."""
    work = slice_pb2.VerifyWork(snapshot=snapshot, restore_files=files)
    conduct(VerifyRun(new_id(), location, work, 1), place, drill_lines, as_json=as_json)


def _excludes(excluding: Excluding) -> slice_pb2.Excludes:
    return slice_pb2.Excludes(
        patterns=map(os.fsencode, excluding.patterns),
        insensitive_patterns=map(os.fsencode, excluding.insensitive_patterns),
        if_present=map(os.fsencode, excluding.if_present),
        caches=excluding.caches,
        one_file_system=excluding.one_file_system,
        larger_than_bytes=excluding.larger_than_bytes,
    )


def _name(prefix: str, word: str) -> str:
    """A word of the command line as the contract has it; empty is left open."""
    return f"{prefix}_{word.upper().replace('-', '_') or 'UNSPECIFIED'}"


def conduct(
    run: Run,
    place: Place,
    lines: Callable[[Standing], list[str]],
    objects: Callable[[Standing], list[dict[str, Any]]] = summary_objects,
    *,
    as_json: bool,
    looks: bool = False,
) -> None:
    """Sees a run through, says how it ended, and ends the program; `looks` as for a Conductor."""
    if as_json:
        print_json({"event": "started", "run_id": run.run_id})
    with reporter(as_json=as_json) as report:
        conductor = Conductor(run, place, report, looks=looks)
        standing = asyncio.run(conductor.result())
    code = exit_code(standing, conductor.interrupted)
    if as_json:
        for made in objects(standing):
            print_json(made)
    elif standing.parts or code in (ExitCode.ALL, ExitCode.SOME_UNREAD):
        print("\n".join(lines(standing)))
    elif damaged := damage_lines(standing):
        print("\n".join(damaged))
    if code == ExitCode.INTERRUPTED:
        say("interrupted; what was stored is kept and used by the next run")
    elif code == ExitCode.NOTHING:
        say(standing.status.message or "it failed, and no reason is known")
    sys.stdout.flush()
    sys.exit(code)


def new_id() -> str:
    return uuid.uuid4().hex
