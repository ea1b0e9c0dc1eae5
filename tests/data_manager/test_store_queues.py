"""Queues in the database: read part by part, cancelled whole, and what slices took."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from data_manager.core.effects import (
    CancelSlices,
    QueueAgain,
    SaveRun,
    SaveSession,
    SaveSlice,
    SaveStorage,
)
from data_manager.core.model import (
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
)
from data_manager.core.queues import Key
from data_manager.queries import QUERIES
from data_manager.store import Store, opened


def run(run_id: str = "b", **other: object) -> Run:
    return Run(run_id, Request(RunKind.BACKUP, "/repo", "a", b"/a"), 1, **other)


def slice_(number: int, run_id: str = "b", **other: object) -> Slice:
    span = Span(Position(b"%06d" % number), Position(b"%06d" % (number + 1)))
    name = f"{run_id}:{number}"
    return Slice(name, run_id, number, SliceKind.COPY, span, **{"turn": number, **other})


async def in_parts(store: Store, most: int) -> list[list[int]]:
    """The numbers of a queue, part by part to its end."""
    parts: list[list[int]] = []
    after: Key | None = None
    while True:
        part = await store.queued("b", after, most)
        parts.append([s.number for s in part])
        if len(part) < most:
            return parts
        after = Key(part[-1].turn, part[-1].number, part[-1].slice_id)


async def test_a_queue_is_read_part_by_part_in_the_order_of_its_turns(tmp_path: Path):
    slices = [slice_(number, turn=10 - number) for number in range(1, 6)]
    slices.append(slice_(6, turn=9, attempt=1, failures=2))
    async with opened(tmp_path / "db") as store:
        await store.commit([SaveRun(run()), *map(SaveSlice, slices)])
        assert await in_parts(store, 2) == [[5, 4], [3, 2], [1, 6], []]
        assert await in_parts(store, 4) == [[5, 4, 3, 2], [1, 6]]
        assert await store.queued("b", None, 10) == tuple(slices[i] for i in (4, 3, 2, 1, 0, 5))
        assert await store.queued("nobody", None, 10) == ()


async def test_only_what_is_queued_stands_in_the_queue(tmp_path: Path):
    session = Session("s", "b", SessionState.RUNNING, ("b:2",))
    running = slice_(2, state=SliceState.RUNNING, session_id="s")
    async with opened(tmp_path / "db") as store:
        stored = [slice_(1, state=SliceState.DONE), running, slice_(3), slice_(4, run_id="other")]
        runs = [SaveRun(run()), SaveRun(run("other"))]
        await store.commit([*runs, SaveSession(session), *map(SaveSlice, stored)])
        assert await store.queued("b", None, 10) == (slice_(3),)
        assert [await store.queued_before(slice_(n, turn=n)) for n in (3, 4)] == [0, 1]


async def test_negative_turns_come_first(tmp_path: Path):
    async with opened(tmp_path / "db") as store:
        slices = [slice_(1, turn=-5), slice_(2, turn=-9_000_000_000), slice_(3, turn=1)]
        await store.commit([SaveRun(run()), *map(SaveSlice, slices)])
        assert await in_parts(store, 1) == [[2], [1], [3], []]


async def test_a_restart_finds_counts_not_slices(tmp_path: Path):
    """None of ten thousand that wait; only what opens, closes and is in flight."""
    opening = Slice("b:0", "b", 0, SliceKind.CRAWL, state=SliceState.DONE)
    running = slice_(1, state=SliceState.RUNNING, session_id="s", attempt=1)
    session = Session("s", "b", SessionState.RUNNING, ("b:1",))
    over = run("over", state=RunState.SUCCEEDED)
    begun = run(bodies=10_000)
    async with opened(tmp_path / "db") as store:
        waiting = [slice_(number) for number in range(2, 10_001)]
        changes = [SaveRun(begun), SaveRun(over), SaveSession(session), SaveSlice(opening)]
        done = slice_(1, run_id="over", state=SliceState.DONE)
        await store.commit([*changes, *map(SaveSlice, (running, *waiting, done))])
        found = await store.unfinished()
    assert found.runs == (begun,)
    assert sorted(found.slices, key=lambda s: s.number) == [opening, running]
    counts = {SliceState.DONE: 1, SliceState.RUNNING: 1, SliceState.QUEUED: 9_999}
    assert found.tallies == {"b": counts}
    assert found.turns == {"b": 10_000}


async def test_all_that_is_not_terminal_is_cancelled_at_once(tmp_path: Path):
    session = Session("s", "b", SessionState.RUNNING, ("b:2",))
    async with opened(tmp_path / "db") as store:
        stored = [
            slice_(1, state=SliceState.DONE),
            slice_(2, state=SliceState.RUNNING, session_id="s"),
            slice_(3),
            slice_(4, state=SliceState.FAILED),
        ]
        other = [SaveRun(run("other", bodies=1)), SaveSlice(slice_(1, run_id="other"))]
        await store.commit([SaveRun(run()), *other, SaveSession(session), *map(SaveSlice, stored)])
        await store.commit([CancelSlices("b")])
        states = [s.state for s in await store.records("b")]
        assert states == [
            SliceState.DONE, SliceState.CANCELLED, SliceState.CANCELLED, SliceState.FAILED,
        ]  # fmt: skip
        assert (await store.unfinished()).tallies["other"] == {SliceState.QUEUED: 1}
        assert await store.queued("b", None, 10) == ()


async def test_cancelled_with_what_is_saved_beside_it(tmp_path: Path):
    """The orchestrator saves those at hand and cancels the rest, in one step."""
    async with opened(tmp_path / "db") as store:
        await store.commit([SaveRun(run()), *(SaveSlice(slice_(n)) for n in range(1, 4))])
        cancelled = replace(slice_(1), state=SliceState.CANCELLED)
        await store.commit([SaveSlice(cancelled), CancelSlices("b")])
        assert {s.state for s in await store.records("b")} == {SliceState.CANCELLED}


async def test_past_times_are_those_of_the_last_backup_that_came_to_its_end(tmp_path: Path):
    async with opened(tmp_path / "db") as store:
        assert await store.past_ms("a") == {}
        for number, state in enumerate(
            (RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED, RunState.RUNNING), 1
        ):
            name = f"b{number}"
            done = slice_(1, run_id=name, state=SliceState.DONE, took_ms=number * 10)
            failed = slice_(2, run_id=name, state=SliceState.FAILED)
            made = replace(run(name), start_time_ns=number, state=state)
            await store.commit([SaveRun(made), SaveSlice(done), SaveSlice(failed)])
        assert await store.past_ms("a") == {slice_(1).span: 20}
        assert await store.past_ms("other") == {}


async def test_limits_of_primary_storages_are_kept_also_that_there_is_none(tmp_path: Path):
    async with opened(tmp_path / "db") as store:
        await store.commit([SaveStorage("nas-b", 4), SaveStorage("nas-a", 2)])
        await store.commit([SaveStorage("nas-b", 0)])
    async with opened(tmp_path / "db") as store:
        assert list((await store.storages()).items()) == [("nas-a", 2), ("nas-b", 0)]
        assert (await store.unfinished()).storages == {"nas-a": 2, "nas-b": 0}


@pytest.mark.parametrize(
    "query",
    ["queued", "queued_before", "live_turns", "live_slices", "slice_counts", "cancel_slices"],
)
async def test_slices_are_found_by_their_run_or_an_index(tmp_path: Path, query: str):
    """No scan over all slices: with ten million of them each would be seconds."""
    async with opened(tmp_path / "db"):
        with closing(sqlite3.connect(tmp_path / "db")) as connection:
            values = {"run_id": "b", "turn": 0, "number": 0, "most": 1}
            plan = connection.execute(f"EXPLAIN QUERY PLAN {QUERIES[query]}", values)
            steps = [step for *_, step in plan]
    assert not [s for s in steps if s.startswith("SCAN slices") and "INDEX" not in s], steps


async def test_t25_what_is_lost_is_queued_again_at_the_end_and_nothing_else_is(tmp_path: Path):
    done = [slice_(n, state=SliceState.DONE, attempt=1, result_id=b"r") for n in (1, 2, 3)]
    failed = slice_(4, state=SliceState.FAILED, attempt=5)
    seal = Slice("b:close", "b", -1, SliceKind.SEAL, state=SliceState.CANCELLED, attempt=1)
    async with opened(tmp_path / "db") as store:
        await store.commit([SaveRun(run(bodies=4)), *map(SaveSlice, (*done, failed, seal))])
        await store.commit([QueueAgain("b", (1, 3, 4), 9)])
        again = [replace(each, state=SliceState.QUEUED, turn=9) for each in (done[0], done[2])]
        assert await store.queued("b", None, 10) == tuple(again)
        assert await store.slice("b:2") == done[1]
        assert await store.slice("b:4") == failed
        found = await store.unfinished()
        assert found.tallies["b"] == {
            SliceState.QUEUED: 2,
            SliceState.DONE: 1,
            SliceState.FAILED: 1,
            SliceState.CANCELLED: 1,
        }
        assert found.slices == (seal,)


async def test_closings_have_names_of_their_own(tmp_path: Path):
    closings = [
        Slice(f"b:{name}", "b", number, SliceKind.SEAL, state=SliceState.CANCELLED)
        for name, number in (("close", -1), ("close2", -2), ("close10", -10))
    ]
    async with opened(tmp_path / "db") as store:
        await store.commit([SaveRun(run()), *map(SaveSlice, closings)])
        assert [await store.slice(each.slice_id) for each in closings] == closings
        assert await store.slice("b:close0") is None
        assert await store.slice("b:nothing") is None
