"""The session process, against a host agent over a real unix socket."""

import resource
from pathlib import Path

from container_agent.session.__main__ import OPEN_FILES
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


async def test_a_session_may_open_as_many_files_as_a_deep_path_needs(tmp_path: Path):
    async with session_process(tmp_path) as session:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        allowed, _ = resource.prlimit(session.process.pid, resource.RLIMIT_NOFILE)
        assert allowed >= min(hard, OPEN_FILES)
