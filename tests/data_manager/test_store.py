"""The database: what it has committed is there after any death, and nothing else is."""

import asyncio
import sqlite3
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from data_manager.core.effects import (
    DropSession,
    SaveRun,
    SaveSession,
    SaveSlice,
    SaveUnread,
)
from data_manager.core.model import (
    Counts,
    Failure,
    Position,
    Request,
    Run,
    RunKind,
    RunState,
    Session,
    SessionState,
    Slice,
    SliceKind,
    SliceState,
    Span,
    UnreadFile,
    UnreadReason,
)
from data_manager.core.options import Method, Options, Overwrite, SliceOrder
from data_manager.queries import QUERIES
from data_manager.store import Asset, Connection, DatabaseUnusable, opened

REQUEST = Request(
    RunKind.RESTORE, "/r", "a", b"/\xff", "latest", b"/to\xfe", b"/in", "nas",
    Options(1, 2, 3, 4, 5, Method.CONTINUOUS, SliceOrder.LONGEST_FIRST, 6, -7, True),
    b"\xff excludes", b"\xfe policy", Overwrite.IF_NEWER, True, True,
    b"\xfd verify", b"\xfc maintain",
)  # fmt: skip
RUN = Run(
    "b", REQUEST, 10, "00-trace", RunState.RUNNING, RunState.FAILED, "why", Failure.NOT_FOUND,
    Counts(1, 2, 3, 4, 5, 6, 7, 8), b"s" * 32, b"", True, Position(b"x\xff", 7),
    3, 2, 30, 3, 9, 4, 2,
)  # fmt: skip
SLICES = [
    Slice("b:0", "b", 0, SliceKind.CRAWL, None, SliceState.DONE, 1),
    Slice(
        "b:1", "b", 1, SliceKind.COPY, Span(Position(), Position(b"\xff/y", 64)),
        SliceState.RUNNING, 2, 1, 5, "s1", b"",
    ),
    Slice("b:2", "b", 2, SliceKind.COPY, Span(Position(b"\xff/y", 64)), turn=9),
]  # fmt: skip
SESSION = Session(
    "s1", "b", SessionState.RUNNING, ("b:1",), Method.CONTINUOUS, "/r", "h1", "b:2", 3
)  # fmt: skip
UNREAD = UnreadFile(b"\xfe", UnreadReason.DENIED, "no")
CHANGES = [SaveSlice(s) for s in SLICES]
CHANGES += [SaveUnread("b", 0, UNREAD), SaveSession(SESSION), SaveRun(RUN)]


async def test_all_comes_back_as_it_was(tmp_path: Path):
    async with opened(tmp_path / "db") as store:
        await store.commit(CHANGES)
    async with opened(tmp_path / "db") as store:
        found = await store.unfinished()
    assert found.runs == (RUN,)
    assert sorted(found.slices, key=lambda s: s.number) == SLICES[:2]
    assert found.tallies == {"b": Counter(slice_.state for slice_ in SLICES)}
    assert found.turns == {"b": 9}
    assert found.sessions == (SESSION,)
    assert found.unread_files == (("b", UNREAD),)


async def test_a_walk_that_was_cut_to_its_end_stays_so(tmp_path: Path):
    async with opened(tmp_path / "db") as store:
        whole = replace(RUN, cut_through=None)
        await store.commit([SaveRun(whole)])
        assert (await store.unfinished()).runs == (whole,)


async def test_of_several_changes_the_last_counts(tmp_path: Path):
    async with opened(tmp_path / "db") as store:
        later = replace(SLICES[1], state=SliceState.QUEUED, session_id=None)
        await store.commit([*CHANGES, SaveSlice(later), DropSession("s1")])
        assert await store.slice(later.slice_id) == later
        assert (await store.unfinished()).sessions == ()


async def test_what_is_terminal_stays(tmp_path: Path):
    async with opened(tmp_path / "db") as store:
        ended = replace(RUN, state=RunState.FAILED, stopping=None)
        await store.commit([*CHANGES, SaveRun(ended)])
        await store.commit([SaveRun(RUN), SaveSlice(replace(SLICES[0], state=SliceState.QUEUED))])
        standing = await store.standing("b")
        assert standing is not None
        assert standing.run == ended
        assert standing.slices[SliceState.DONE] == 1
        assert standing.unread_files == (UNREAD,)
        assert (await store.unfinished()).runs == ()


async def test_a_transaction_is_whole_or_not_at_all(tmp_path: Path):
    async with opened(tmp_path / "db") as store:
        foreign = replace(SLICES[2], run_id="nobody", slice_id="nobody:2")
        with pytest.raises(sqlite3.IntegrityError):
            await store.commit([*CHANGES, SaveSlice(foreign)])
        assert (await store.unfinished()).runs == ()
        await store.commit(CHANGES)
        assert (await store.unfinished()).runs == (RUN,)


async def test_a_slice_names_a_session_that_there_is(tmp_path: Path):
    with pytest.raises(DatabaseUnusable, match="FOREIGN KEY"):
        async with opened(tmp_path / "db") as store:
            await store.commit(
                [change for change in CHANGES if not isinstance(change, SaveSession)]
            )


async def test_the_pragmas_are_those_that_lose_nothing(tmp_path: Path):
    async with opened(tmp_path / "db") as store:
        for connection in (store._writer, store._reader):
            for name, value in {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}.items():
                found = await connection.run(pragma, connection, name)
                assert found == value


def pragma(connection: Connection, name: str) -> object:
    return connection._connection.execute(f"PRAGMA {name}").fetchone()[0]


async def test_one_data_manager_at_a_time(tmp_path: Path):
    async with opened(tmp_path / "db"):
        with pytest.raises(DatabaseUnusable, match="in use by another"):
            async with opened(tmp_path / "db"):
                raise AssertionError("never reached")
    async with opened(tmp_path / "db"):
        pass


async def test_what_is_no_database_is_said_in_one_line(tmp_path: Path):
    (tmp_path / "db").write_bytes(b"this is no database, but long enough to look at" * 99)
    with pytest.raises(DatabaseUnusable, match=r"db cannot be used: file is not a database"):
        async with opened(tmp_path / "db"):
            pass
    with pytest.raises(DatabaseUnusable, match="No such file or directory"):
        async with opened(tmp_path / "missing" / "db"):
            pass


@pytest.mark.parametrize("version", [1, 5, 99])
async def test_a_database_of_another_version_is_refused(tmp_path: Path, version: int):
    """Before anything is asked of its tables, which may look otherwise."""
    async with opened(tmp_path / "db") as store:
        assert await store.data_manager_id("first") == "first"
        assert await store.data_manager_id("second") == "first"
    with sqlite3.connect(tmp_path / "db") as connection:
        connection.execute(f"UPDATE identity SET version = {version}")
        connection.execute("DROP TABLE slices")
        connection.execute("CREATE TABLE slices (slice_id TEXT PRIMARY KEY)")
    connection.close()
    with pytest.raises(DatabaseUnusable, match=f"of version {version}, this program knows 7"):
        async with opened(tmp_path / "db"):
            raise AssertionError("never reached")


async def test_assets_are_listed_by_id_and_forgotten(tmp_path: Path):
    async with opened(tmp_path / "db") as store:
        for name in "cab":
            await store.add_asset(Asset(name, b"/\xff"))
        assert await store.add_asset(Asset("a", b"/other")) == Asset("a", b"/\xff")
        assert [asset.asset_id for asset in await store.assets("a", 5)] == ["b", "c"]
        await store.delete_asset("b")
        assert await store.asset("b") is None


def test_every_query_is_named():
    assert all(query.strip().endswith(";") for query in QUERIES.values())


async def commit_until_killed(database: Path) -> None:
    """Commits one slice after another, and tells each number once it is committed."""
    async with opened(database) as store:
        number = len(await store.records("b"))
        while True:
            number += 1
            slice_ = Slice(f"b:{number}", "b", number, SliceKind.COPY, Span())
            await store.commit([SaveRun(RUN), SaveSlice(slice_)])
            print(number, flush=True)


async def test_r11_the_store_survives_a_kill_at_any_moment(tmp_path: Path):
    """Opened again after each: everything told as committed is there, and no half of anything."""
    for kill in range(4):
        process = subprocess.Popen(
            [sys.executable, __file__, tmp_path / "db"], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(3 + 2 * kill)]
        process.kill()
        told += process.communicate(timeout=10)[0].splitlines()
        async with opened(tmp_path / "db") as store:
            numbers = [slice_.number for slice_ in await store.records("b")]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) in (int(told[-1]), int(told[-1]) + 1)


if __name__ == "__main__":
    asyncio.run(commit_until_killed(Path(sys.argv[1])))
