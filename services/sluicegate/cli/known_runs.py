"""Runs that a data manager has: listed, shown, followed, stopped, explained and begun anew."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from sluicegate.cli.calls import CALL_SECONDS, answer, data_manager
from sluicegate.cli.client import Run, Standing
from sluicegate.cli.failures import CommandError, ExitCode
from sluicegate.cli.kinds import BACKUP, KINDS, Known, find
from sluicegate.cli.reporting import print_json
from sluicegate.cli.run_tables import known_lines, known_object, print_runs
from sluicegate.cli.runs import conduct, new_id
from sluicegate.cli.waits import print_wait, wait_object
from sluicegate.rpc.refusals import understanding
from sluicegate.v1 import data_manager_service_pb2 as pb

if TYPE_CHECKING:
    from sluicegate.v1.data_manager_service_pb2_grpc import DataManagerServiceAsyncStub as Stub


def show_all(
    server: str, plural: str, states: tuple[str, ...], most: int, *, as_json: bool
) -> None:
    """Lists the newest runs of a kind, those in one of the states if any are named."""
    wanted = {pb.RunState.Value(f"RUN_STATE_{state.upper()}") for state in states}
    found = asyncio.run(_newest(server, plural, wanted, most))
    if not as_json:
        print_runs(found)
    for known in found if as_json else ():
        print_json(known_object(known))


def show(server: str, run_id: str, *, as_json: bool) -> None:
    """Shows how a run stands."""
    known, standing = asyncio.run(_found(server, run_id))
    if as_json:
        print_json(known_object(known))
    else:
        print("\n".join(known_lines(known, standing)))


def watch(server: str, run_id: str, *, as_json: bool) -> None:
    """Follows a run to its end, and ends the program as the run ends; it goes on when left."""
    known, _ = asyncio.run(_found(server, run_id))
    try:
        conduct(_Watched(known), nullcontext(server), known.lines, as_json=as_json, looks=True)
    except asyncio.CancelledError:
        raise CommandError(f"{run_id} goes on", ExitCode.INTERRUPTED) from None


def cancel(server: str, run_id: str) -> None:
    """Stops a run; one that is over is left as it is."""
    asyncio.run(_cancel(server, run_id))


def explain(server: str, backup_id: str, slice_id: str, *, as_json: bool) -> None:
    """Says why a backup waits, or a slice of it."""
    told = asyncio.run(_explained(server, backup_id, slice_id))
    if as_json:
        print_json(wait_object(backup_id, told))
    else:
        print_wait(told)


def retry(server: str, backup_id: str, *, as_json: bool) -> None:
    """Begins a backup anew that is over and not whole, and follows it."""
    known = asyncio.run(_to_retry(server, backup_id))
    again = _Again(new_id(), known.message)
    conduct(again, nullcontext(server), known.lines, as_json=as_json)


async def _newest(server: str, plural: str, wanted: set[Any], most: int) -> list[Known]:
    [kind] = [kind for kind in KINDS if kind.plural == plural]
    found: list[Known] = []
    async with data_manager(server) as stub:
        async for known in kind.all(stub):
            if not wanted or known.message.status.state in wanted:
                found.append(known)
            if len(found) == most:
                break
    return found


async def _found(server: str, run_id: str) -> tuple[Known, Standing]:
    """A run, and with it what is told of its kind only at the end."""
    async with data_manager(server) as stub:
        known = await find(stub, run_id)
        standing = known.standing
        if standing.terminal:
            with understanding():
                standing = [last async for last in known.run.watch(stub)][-1]
        return known, standing


async def _cancel(server: str, run_id: str) -> None:
    async with data_manager(server) as stub:
        run = (await find(stub, run_id)).run
        await answer(lambda: run.cancel(stub))


async def _explained(server: str, backup_id: str, slice_id: str) -> pb.ExplainWaitResponse:
    request = pb.ExplainWaitRequest(backup_id=backup_id, slice_id=slice_id)
    async with data_manager(server) as stub:
        return await answer(lambda: stub.ExplainWait(request, timeout=CALL_SECONDS))


async def _to_retry(server: str, backup_id: str) -> Known:
    async with data_manager(server) as stub:
        known = await BACKUP.get(stub, backup_id)
    if not known.standing.terminal:
        raise CommandError(f"{backup_id} still runs; `sluicegate cancel {backup_id}` stops it")
    if known.standing.status.state == pb.RUN_STATE_SUCCEEDED:
        raise CommandError(f"{backup_id} is whole; there is nothing to do again")
    return known


class _Watched(Struct, frozen=True):
    """A run that somebody else began."""

    known: Known

    @property
    def run_id(self) -> str:
        return self.known.run_id

    async def create(self, stub: "Stub") -> None:
        await self.known.kind.get(stub, self.run_id)

    def watch(self, stub: "Stub") -> AsyncIterator[Standing]:
        return self.known.run.watch(stub)

    async def cancel(self, stub: "Stub") -> None:
        await self.known.run.cancel(stub)


class _Again(Struct, frozen=True):
    """A backup of the same asset, to the same place, in the same way."""

    run_id: str
    backup: pb.Backup

    @property
    def _run(self) -> Run:
        return BACKUP.run(self.run_id, self.backup.repository.location, self.backup)

    async def create(self, stub: "Stub") -> None:
        request = pb.CreateBackupRequest(
            backup_id=self.run_id,
            asset_id=self.backup.asset_id,
            repository=self.backup.repository,
            options=self.backup.options,
        )
        await stub.CreateBackup(request, timeout=CALL_SECONDS)

    def watch(self, stub: "Stub") -> AsyncIterator[Standing]:
        return self._run.watch(stub)

    async def cancel(self, stub: "Stub") -> None:
        await self._run.cancel(stub)
