"""The session process, against a host agent over a real unix socket."""

import os
import resource
import signal
from pathlib import Path

import pytest

from commands import PASSWORD
from compare import describe, differences
from container_agent.session.__main__ import OPEN_FILES
from restore.restoring import SMALL_SLICES, backed_up, plan_for
from restore.session_process import SESSION, TOKEN, session_process, until
from sluicegate.v1 import outcome_pb2, slice_pb2


def verify_slice(number: int, attempt: int = 1) -> slice_pb2.Slice:
    return slice_pb2.Slice(slice_id=f"run:{number}", attempt=attempt, verify=slice_pb2.VerifyWork())


async def test_a_session_says_who_it_is_and_ends_when_drained(tmp_path: Path):
    async with session_process(tmp_path) as session:
        hello = session.agent.said("hello")[0].hello
        assert (hello.session_id, hello.token) == (SESSION, TOKEN)
        command_line = Path(f"/proc/{session.process.pid}/cmdline").read_bytes()
        assert TOKEN.encode() not in command_line
        session.agent.drain()
        assert await session.exit_code() == 0
        assert [request.WhichOneof("event") for request in session.agent.heard] == [
            "hello",
            "goodbye",
        ]


async def test_a_missing_repository_is_the_failure_of_each_slice(tmp_path: Path):
    async with session_process(tmp_path) as session:
        session.agent.start(tmp_path / "nowhere", b"secret", [verify_slice(1), verify_slice(2)])
        assert await session.exit_code() == 0
        assert [o.outcome_number for o in session.agent.outcomes()] == [1, 2]
        for number, end in enumerate(session.agent.ends(), 1):
            assert (end.slice_id, end.attempt) == (f"run:{number}", 1)
            assert end.failure == outcome_pb2.FAILURE_REASON_REPOSITORY_MISSING
            assert "nowhere" in end.message and "\n" not in end.message


async def test_a_session_stays_until_everything_is_committed(tmp_path: Path):
    async with session_process(tmp_path) as session:
        session.agent.acknowledging = False
        session.agent.start(tmp_path / "nowhere", b"secret", [verify_slice(1), verify_slice(2)])
        await until(lambda: len(session.agent.ends()) == 2)
        session.agent.acknowledge(1)
        # What is not acknowledged comes once more.
        await until(lambda: len(session.agent.ends()) == 3)
        assert session.agent.outcomes()[-1].outcome_number == 2
        assert session.process.returncode is None and not session.agent.said("goodbye")
        session.agent.acknowledge(2)
        assert await session.exit_code() == 0
        assert session.agent.said("goodbye")


async def test_a_session_whose_host_agent_is_gone_ends_at_once(tmp_path: Path):
    async with session_process(tmp_path) as session:
        await session.server.stop(0)
        assert await session.exit_code(3.0) == 1


async def test_a_session_is_fed_and_takes_nothing_twice(tmp_path: Path):
    async with session_process(tmp_path) as session:
        agent = session.agent
        agent.start(tmp_path / "nowhere", b"secret", [verify_slice(1)], drain=False)
        await until(lambda: len(agent.ends()) == 1)
        agent.feed([verify_slice(1), verify_slice(2), verify_slice(1, attempt=2)])
        await until(lambda: len(agent.ends()) == 3)
        agent.drain()
        assert await session.exit_code() == 0
        ended = [(end.slice_id, end.attempt) for end in agent.ends()]
        assert ended == [("run:1", 1), ("run:2", 1), ("run:1", 2)]


async def test_a_cancelled_session_answers_every_slice(tmp_path: Path):
    async with session_process(tmp_path) as session:
        session.agent.cancel()
        session.agent.start(tmp_path / "nowhere", b"secret", [verify_slice(1), verify_slice(2)])
        assert await session.exit_code() == 0
        reasons = [end.failure for end in session.agent.ends()]
        assert reasons in ([], [outcome_pb2.FAILURE_REASON_CANCELLED] * 2)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders, beside a repository that restic has made of them."""
    place = tmp_path_factory.mktemp("session") / "tree"
    for name in ("a", "b"):
        (place / name).mkdir(parents=True)
        (place / name / "file").write_bytes(name.encode() * 100_000)
    backed_up(place, place.parent / "repository")
    return place


async def test_a_wrong_password_is_a_line_for_a_person(tree: Path, tmp_path: Path):
    async with session_process(tmp_path) as session:
        session.agent.start(tree.parent / "repository", b"no", [verify_slice(1), verify_slice(2)])
        assert await session.exit_code() == 0
        for end in session.agent.ends():
            assert end.failure == outcome_pb2.FAILURE_REASON_WRONG_PASSWORD
            assert "password" in end.message and "\n" not in end.message
        assert len(session.agent.ends()) == 2


async def test_a_session_restores_what_it_is_fed(tree: Path, tmp_path: Path):
    plan = plan_for(tmp_path / "target")
    crawl = slice_pb2.RestoreCrawlWork(plan=plan, start=slice_pb2.Position(), cutting=SMALL_SLICES)
    opening = slice_pb2.Slice(slice_id="run:0", attempt=1, restore_crawl=crawl)
    async with session_process(tmp_path) as session:
        agent, repository = session.agent, tree.parent / "repository"
        agent.start(repository, PASSWORD.encode(), [opening], drain=False)
        await until(lambda: len(agent.ends()) == 1)
        # The session holds the repository as long as it lives.
        assert len(list((repository / "locks").iterdir())) == 1
        cuts = [cut for o in agent.outcomes() for cut in o.cuts_made.cuts]
        plan.snapshot = agent.ends()[0].result_id.hex()
        assert {o.cuts_made.snapshot_id.hex() for o in agent.outcomes()} - {""} == {plan.snapshot}
        work = slice_pb2.RestoreWork(plan=plan, span=cuts[0].span, range_bytes=1 << 20)
        agent.feed([slice_pb2.Slice(slice_id="run:1", attempt=1, restore=work)])
        last = slice_pb2.RestoreFinishWork(plan=plan, range_bytes=1 << 20)
        agent.feed([slice_pb2.Slice(slice_id="run:close", attempt=1, restore_finish=last)])
        packs = slice_pb2.VerifyPacksWork(span=slice_pb2.Span(start=slice_pb2.Position()))
        agent.feed([slice_pb2.Slice(slice_id="run:9", attempt=1, verify_packs=packs)])
        agent.drain()
        assert await session.exit_code() == 0
        assert [end.message for end in agent.ends()] == [""] * 4
        assert agent.ends()[1].counts.files == 2 and agent.ends()[3].counts.blobs > 2
        assert list((repository / "locks").iterdir()) == []
    restored = tmp_path / "target" / tree.relative_to("/")
    assert differences(describe(tree), describe(restored)) == []


async def test_a_session_that_hangs_is_heard_of_and_ends_with_its_host_agent(tmp_path: Path):
    (tmp_path / "keys").mkdir()
    (tmp_path / "config").write_bytes(b"")
    os.mkfifo(tmp_path / "keys" / ("0" * 64))
    async with session_process(tmp_path) as session:
        session.agent.start(tmp_path, b"secret", [verify_slice(1)])
        await until(lambda: len(session.agent.said("progress")) >= 3)
        progress = session.agent.said("progress")[-1].progress
        assert (progress.session_id, progress.slice_id, progress.attempt) == (SESSION, "run:1", 1)
        await session.server.stop(0)
        assert await session.exit_code(3.0) == 1


async def test_a_session_outlives_being_asked_by_restic_whether_it_is_alive(tmp_path: Path):
    async with session_process(tmp_path) as session:
        os.kill(session.process.pid, signal.SIGHUP)
        session.agent.drain()
        assert await session.exit_code() == 0


async def test_a_session_may_open_as_many_files_as_a_deep_path_needs(tmp_path: Path):
    async with session_process(tmp_path) as session:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        allowed, _ = resource.prlimit(session.process.pid, resource.RLIMIT_NOFILE)
        assert allowed >= min(hard, OPEN_FILES)
