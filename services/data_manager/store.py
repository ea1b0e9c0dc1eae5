"""The data manager's database: what it has committed, and nothing else, is true.

SQLite in WAL mode with full synchronisation: a power cut loses nothing that was committed.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from data_manager.core.effects import Change
from data_manager.core.events import Restarted
from data_manager.core.model import Run, RunKind, Slice, SliceState, Span, Standing
from data_manager.core.queues import Key
from data_manager.queries import QUERIES, SCHEMA
from data_manager.rows import run_of_row, session_of_row, unread_of_row
from data_manager.saving import Statement, statements
from data_manager.slice_rows import slice_key, slice_of_row

VERSION = 7
# Each with what it must answer. FULL: NORMAL loses commits in a power cut, also in WAL mode.
# What a thousand backups work on at once fits into 32 MiB of cache.
PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "cache_size": -32 << 10}
BUSY_SECONDS = 10.0
T = TypeVar("T")


class DatabaseUnusable(Exception):
    """The database cannot be used; the message says why, in one line."""


@dataclass(frozen=True)
class Asset:
    """A file or folder to protect, and the primary storage that it lies on, if that has a name."""

    asset_id: str
    path: bytes
    storage: str = ""


class Connection:
    """A connection with a thread of its own: whatever it is asked costs one turn of that thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="database")

    async def open(self) -> None:
        """Opens it, so that nothing committed is lost."""
        await self.run(self._open)

    async def prepare(self) -> None:
        """Makes the tables, where there are none; refuses those of another version."""
        await self.run(self._prepare)

    async def run(self, work: Callable[..., T], *values: object) -> T:
        """Does something in its thread, also when whoever asked is cancelled meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *values)

    async def read(self, query: str, **values: object) -> list[Any]:
        """The rows that a query finds, each known by place and by name."""
        return await self.run(self._read, query, values)

    async def write(self, *made: Statement) -> None:
        """Makes statements true, all or none."""
        await self.run(self._write, made)

    async def commit(self, changes: Sequence[Change]) -> None:
        """Makes changes true, all or none."""
        await self.run(lambda: self._write(statements(changes)))

    async def close(self) -> None:
        """Closes it."""
        await self.run(self._close)
        self._thread.shutdown()

    def _open(self) -> None:
        self._connection = sqlite3.connect(self._path, BUSY_SECONDS, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        for name, value in PRAGMAS.items():
            self._connection.execute(f"PRAGMA {name} = {value}")
            [found] = self._connection.execute(f"PRAGMA {name}").fetchone()
            if found != value:
                raise DatabaseUnusable(f"the database {self._path} does not take {name} = {value}")

    def _prepare(self) -> None:
        tables = self._connection.execute("SELECT name FROM sqlite_schema").fetchall()
        if "identity" in (name for (name,) in tables):
            for _, version in self._connection.execute(QUERIES["identity"]):
                if version != VERSION:
                    raise DatabaseUnusable(
                        f"the database {self._path} is of version {version}, this program knows"
                        f" {VERSION}"
                    )
        self._connection.executescript(SCHEMA)

    def _close(self) -> None:
        if hasattr(self, "_connection"):
            self._connection.close()

    def _read(self, query: str, values: dict[str, object]) -> list[Any]:
        return self._connection.execute(QUERIES[query], values).fetchall()

    def _write(self, made: Iterable[Statement]) -> None:
        with self._transaction():
            for query, rows in made:
                if rows:
                    self._connection.executemany(QUERIES[query], rows)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.rollback()
            raise


class Store:
    """One writer and one reader; a reader sees what is committed and nothing half done."""

    def __init__(self, writer: Connection, reader: Connection) -> None:
        self._writer = writer
        self._reader = reader

    async def data_manager_id(self, new: str) -> str:
        """Who this data manager is: `new` from its first start on."""
        await self._writer.write(
            ("set_identity", [{"data_manager_id": new, "version": VERSION}]),
        )
        [row] = await self._read("identity")
        return str(row["data_manager_id"])

    async def commit(self, changes: Sequence[Change]) -> None:
        """Makes all changes true at once, and durable. Of several to one row the last counts."""
        await self._writer.commit(changes)

    async def unfinished(self) -> Restarted:
        """All that is not over, as it was committed last."""
        runs = tuple(map(run_of_row, await self._read("live_runs")))
        return Restarted(
            runs,
            tuple(map(slice_of_row, await self._read("live_slices"))),
            tuple(map(session_of_row, await self._read("live_sessions"))),
            tuple(
                (row["run_id"], unread_of_row(row)) for row in await self._read("live_unread_files")
            ),
            {run.run_id: await self._slice_counts(run.run_id) for run in runs},
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
        run_id, number = slice_key(slice_id)
        rows = await self._read("slice", run_id=run_id, number=number)
        return slice_of_row(rows[0]) if rows else None

    async def records(self, run_id: str) -> list[Slice]:
        """The slices that a run was cut into, in walk order."""
        return list(map(slice_of_row, await self._read("records", run_id=run_id)))

    async def slices_after(self, run_id: str, number: int, most: int) -> list[Slice]:
        """The next slices that a run was cut into, in walk order."""
        rows = await self._read("slices_after", run_id=run_id, number=number, most=most)
        return list(map(slice_of_row, rows))

    async def verdicts_after(self, run_id: str, after: bytes, most: int) -> list[bytes]:
        """What a run said of the next snapshots, by their ids, as it was encoded."""
        rows = await self._read("verdicts_after", run_id=run_id, after=after, most=most)
        return [row["told"] for row in rows]

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
        await self._writer.write(("add_asset", [vars(asset)]))
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
        await self._writer.write(("delete_asset", [{"asset_id": asset_id}]))

    async def _slice_counts(self, run_id: str) -> dict[SliceState, int]:
        rows = await self._read("slice_counts", run_id=run_id)
        return {SliceState(state): int(slices) for state, slices in rows if slices}

    async def _read(self, query: str, **values: object) -> list[Any]:
        return await self._reader.read(query, **values)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Store]:
    """The database at a path, made when there is none. One program at a time has it."""
    try:
        async with _locked(path), _connected(path) as writer, _connected(path) as reader:
            await writer.prepare()
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
async def _connected(path: Path) -> AsyncIterator[Connection]:
    connection = Connection(path)
    try:
        await connection.open()
        yield connection
    finally:
        await connection.close()
