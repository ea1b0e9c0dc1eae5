"""A set of paths, backed up together: a backup and a snapshot for each, begun by one request."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from sluicegate.cli.client import CALL_SECONDS, BackupRun, Standing
from sluicegate.cli.summary import backup_lines, path_object, summary_object
from sluicegate.rpc.text import printable
from sluicegate.v1 import data_manager_service_pb2 as pb

if TYPE_CHECKING:
    from sluicegate.v1.data_manager_service_pb2_grpc import DataManagerServiceAsyncStub as Stub

# How a set stands is how the last of these does that is among its backups.
WORSE = (
    pb.RUN_STATE_SUCCEEDED,
    pb.RUN_STATE_PARTIAL,
    pb.RUN_STATE_CANCELLED,
    pb.RUN_STATE_FAILED,
    pb.RUN_STATE_SEALING,
    pb.RUN_STATE_RUNNING,
)
NUMBERS = ("streams", "streams_peak", "unread_files_count", "total_bytes", "total_files")


class BackupSet(Struct, frozen=True):
    """Backups of several paths, as one run; `parts` of its standing are theirs."""

    run_id: str
    runs: tuple[BackupRun, ...]

    async def create(self, stub: "Stub") -> None:
        for run in self.runs:
            await stub.CreateAsset(run.asset_request(), timeout=CALL_SECONDS)
        request = pb.CreateBackupsRequest(backups=[run.backup_request() for run in self.runs])
        await stub.CreateBackups(request, timeout=CALL_SECONDS)

    async def watch(self, stub: "Stub") -> AsyncIterator[Standing]:
        standings: dict[str, Standing] = {}
        streams = {run.run_id: aiter(run.watch(stub)) for run in self.runs}
        coming = {_next(streams[run.run_id]): run.run_id for run in self.runs}
        try:
            while coming:
                done, _ = await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    run_id = coming.pop(task)
                    if standing := task.result():
                        standings[run_id] = standing
                        coming[_next(streams[run_id])] = run_id
                if len(standings) == len(self.runs):
                    yield self._together(standings)
        finally:
            for task in coming:
                task.cancel()

    async def cancel(self, stub: "Stub") -> None:
        for run in self.runs:
            await run.cancel(stub)

    def _together(self, standings: dict[str, Standing]) -> Standing:
        parts = tuple((run.path, standings[run.run_id]) for run in self.runs)
        return Standing(_status([standing.status for _, standing in parts]), parts=parts)


def _next(stream: AsyncIterator[Standing]) -> "asyncio.Task[Standing | None]":
    """What is seen next of a backup, as it comes; None after the last."""

    async def seen() -> Standing | None:
        return await anext(stream, None)

    return asyncio.create_task(seen())


def set_lines(standing: Standing) -> list[str]:
    """What a person wants to know about a set: of each path what is told of a backup."""
    lines: list[str] = []
    for path, part in standing.parts:
        why = printable(part.status.message or "it was stopped")
        told = backup_lines(part) if part.snapshot_id else [f"no snapshot: {why}"]
        lines += ["", printable(path), *(f"  {line}" for line in told)]
    return lines[1:]


def set_objects(standing: Standing) -> list[dict[str, Any]]:
    """The same for a program: an object for each path, and then one for all of them."""
    each = [
        summary_object(part) | {"event": "path", **path_object("path", path)}
        for path, part in standing.parts
    ]
    return [*each, summary_object(standing)]


def _status(parts: list[pb.RunStatus]) -> pb.RunStatus:
    """How all of them stand, added up."""
    status = pb.RunStatus(
        state=max((part.state for part in parts), key=WORSE.index),
        crawled=all(part.crawled for part in parts),
        start_time_ns=min(part.start_time_ns for part in parts),
        end_time_ns=max(part.end_time_ns for part in parts),
        message=_message(parts),
    )
    for name in NUMBERS:
        setattr(status, name, sum(getattr(part, name) for part in parts))
    for part in parts:
        _add(status.counts, part.counts)
        _add(status.slices, part.slices)
        status.unread_files.extend(part.unread_files)
        if part.paused:
            status.paused, status.paused_message = part.paused, part.paused_message
    return status


def _message(parts: list[pb.RunStatus]) -> str:
    """Of those that have no result, what the first says."""
    failed = [part.message for part in parts if part.state == pb.RUN_STATE_FAILED]
    return f"{len(failed)} of {len(parts)} have no snapshot: {failed[0]}" if failed else ""


def _add(to: Any, of: Any) -> None:  # noqa: ANN401  # messages of numbers alone, both of one kind
    for field in _names(of):
        setattr(to, field, getattr(to, field) + getattr(of, field))


def _names(message: Any) -> Iterable[str]:  # noqa: ANN401
    return [field.name for field in message.DESCRIPTOR.fields]
