"""The data manager's database: what it has committed, and nothing else, is true.

SQLite in WAL mode with full synchronisation: a power cut loses nothing that was committed.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiosqlite

from data_manager.core.effects import (
    CancelSlices,
    Change,
    DropSession,
    SaveRun,
    SaveSession,
    SaveSlice,
    SaveStorage,
    SaveUnread,
)
from data_manager.core.events import Restarted
from data_manager.core.model import Run, RunKind, Slice, SliceState, Span, Standing
from data_manager.core.queues import Key
from data_manager.queries import QUERIES, SCHEMA
from data_manager.rows import (
    Row,
    run_of_row,
    run_row,
    session_of_row,
    session_row,
    slice_of_row,
    slice_row,
    unread_of_row,
)

VERSION = 2
# Each with what it must answer. FULL: NORMAL loses commits in a power cut, also in WAL mode.
PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
BUSY_SECONDS = 10.0


class DatabaseUnusable(Exception):
    """The database cannot be used; the message says why, in one line."""


@dataclass(frozen=True)
class Asset:
    """A file or folder to protect, and the primary storage that it lies on, if that has a name."""

    asset_id: str
    path: bytes
    storage: str = ""


class Store:
    """One writer and one reader; a reader sees what is committed and nothing half done."""

    def __init__(self, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self._writer = writer
        self._reader = reader
        self._writing = asyncio.Lock()

    async def data_manager_id(self, new: str) -> str:
        """Who this data manager is: `new` from its first start on."""
        async with self._transaction():
            values = {"data_manager_id": new, "version": VERSION}
            await self._writer.execute(QUERIES["set_identity"], values)
        [row] = await self._read("identity")
        if row["version"] != VERSION:
            message = f"the database is of version {row['version']}, this program knows {VERSION}"
            raise DatabaseUnusable(message)
        return str(row["data_manager_id"])

    async def commit(self, changes: Sequence[Change]) -> None:
        """Makes all changes true at once, and durable. Of several to one row the last counts."""
        runs = {c.run.run_id: run_row(c.run) for c in changes if isinstance(c, SaveRun)}
        slices = {c.slice.slice_id: c.slice for c in changes if isinstance(c, SaveSlice)}
        sessions = {c.session.session_id: c.session for c in changes if isinstance(c, SaveSession)}
        dropped = [{"session_id": c.session_id} for c in changes if isinstance(c, DropSession)]
        unread = [
            {"run_id": c.run_id, "number": c.number, **vars(c.file)}
            for c in changes
            if isinstance(c, SaveUnread)
        ]
        cancelled = [{"run_id": c.run_id} for c in changes if isinstance(c, CancelSlices)]
        storages = [vars(c) for c in changes if isinstance(c, SaveStorage)]
        async with self._transaction():
            await self._write("save_run", runs.values())
            await self._write("save_session", map(session_row, sessions.values()))
            await self._write("save_slice", map(slice_row, slices.values()))
            await self._write("cancel_slices", cancelled)
            # No session comes back: what is dropped stays dropped.
            await self._write("drop_session", dropped)
            await self._write("save_unread", unread)
            await self._write("save_storage", storages)

    async def unfinished(self) -> Restarted:
        """All that is not over, as it was committed last."""
        tallies: dict[str, dict[SliceState, int]] = {}
        for row in await self._read("live_tallies"):
            tallies.setdefault(row["run_id"], {})[SliceState(row["state"])] = row["slices"]
        return Restarted(
            tuple(map(run_of_row, await self._read("live_runs"))),
            tuple(map(slice_of_row, await self._read("live_slices"))),
            tuple(map(session_of_row, await self._read("live_sessions"))),
            tuple(
                (row["run_id"], unread_of_row(row)) for row in await self._read("live_unread_files")
            ),
            tallies,
            {row["run_id"]: row["turn"] for row in await self._read("live_turns")},
            await self.storages(),
        )

    async def queued(self, run_id: str, after: Key | None, most: int) -> tuple[Slice, ...]:
        """The next part of a run's queue, in order."""
        turn, number = after[:2] if after else (-(2**63), 0)
        rows = await self._read("queued", run_id=run_id, turn=turn, number=number, most=most)
        return tuple(map(slice_of_row, rows))

    async def queued_before(self, slice_: Slice) -> int:
        """How many slices of its run get their turn before a queued one."""
        values = {"run_id": slice_.run_id, "turn": slice_.turn, "number": slice_.number}
        [row] = await self._read("queued_before", **values)
        return int(row["slices"])

    async def slice(self, slice_id: str) -> Slice | None:
        """A slice, as committed."""
        rows = await self._read("slice", slice_id=slice_id)
        return slice_of_row(rows[0]) if rows else None

    async def records(self, run_id: str) -> list[Slice]:
        """The slices that a run was cut into, in walk order."""
        return list(map(slice_of_row, await self._read("records", run_id=run_id)))

    async def past_ms(self, asset_id: str) -> dict[Span, int]:
        """What each span took in the asset's last backup that came to its end."""
        slices = map(slice_of_row, await self._read("past", asset_id=asset_id))
        return {slice_.span: slice_.took_ms for slice_ in slices if slice_.span}

    async def storages(self) -> dict[str, int]:
        """How many streams each primary storage may have."""
        return {row["storage"]: row["streams"] for row in await self._read("storages")}

    async def standing(self, run_id: str) -> Standing | None:
        """How a run stands, as committed."""
        for row in await self._read("run", run_id=run_id):
            unread = await self._read("unread_files", run_id=run_id)
            slices = await self._slice_counts(run_id)
            return Standing(run_of_row(row), slices, 0, tuple(map(unread_of_row, unread)))
        return None

    async def standings_before(
        self, kind: RunKind, time_ns: int, run_id: str, most: int
    ) -> list[Standing]:
        """The next runs, newest first, without their unread files."""
        rows = await self._read("runs_before", kind=kind, time_ns=time_ns, run_id=run_id, most=most)
        runs: list[Run] = [run_of_row(row) for row in rows]
        return [Standing(run, await self._slice_counts(run.run_id), 0, ()) for run in runs]

    async def add_asset(self, asset: Asset) -> Asset:
        """Adds an asset, if there is none of its name; the one there is."""
        async with self._transaction():
            await self._writer.execute(QUERIES["add_asset"], vars(asset))
        return await self.asset(asset.asset_id) or asset

    async def asset(self, asset_id: str) -> Asset | None:
        """An asset."""
        rows = await self._read("asset", asset_id=asset_id)
        return Asset(**rows[0]) if rows else None

    async def assets(self, after: str, most: int) -> list[Asset]:
        """The next assets, by id."""
        return [Asset(**row) for row in await self._read("assets", after=after, most=most)]

    async def delete_asset(self, asset_id: str) -> None:
        """Forgets an asset."""
        async with self._transaction():
            await self._writer.execute(QUERIES["delete_asset"], {"asset_id": asset_id})

    async def _slice_counts(self, run_id: str) -> dict[SliceState, int]:
        rows = await self._read("slice_counts", run_id=run_id)
        return {SliceState(row["state"]): row["slices"] for row in rows}

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        async with self._writing:
            await self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                await self._writer.rollback()
                raise
            await self._writer.commit()

    async def _write(self, query: str, rows: Iterable[Row]) -> None:
        if values := list(rows):
            await self._writer.executemany(QUERIES[query], values)

    async def _read(self, query: str, **values: object) -> list[Row]:
        rows = await self._reader.execute_fetchall(QUERIES[query], values)
        return [dict(row) for row in rows]


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Store]:
    """The database at a path, made when there is none. One program at a time has it."""
    try:
        async with _locked(path), _connected(path) as writer, _connected(path) as reader:
            await writer.executescript(SCHEMA)
            yield Store(writer, reader)
    except sqlite3.Error as error:
        raise DatabaseUnusable(f"the database {path} cannot be used: {error}") from error


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    """Two data managers on one database would each believe to be the one that decides."""
    try:
        lock = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        message = f"the database {path} cannot be used: {error.strerror}"
        raise DatabaseUnusable(message) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"the database {path} is in use by another data manager"
            raise DatabaseUnusable(message) from error
        yield
    finally:
        os.close(lock)


@asynccontextmanager
async def _connected(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    async with aiosqlite.connect(path, isolation_level=None, timeout=BUSY_SECONDS) as connection:
        connection.row_factory = sqlite3.Row
        for name, value in PRAGMAS.items():
            await connection.execute(f"PRAGMA {name} = {value}")
            cursor = await connection.execute(f"PRAGMA {name}")
            row = await cursor.fetchone()
            if row is None or row[0] != value:
                raise DatabaseUnusable(f"the database {path} does not take {name} = {value}")
        yield connection
