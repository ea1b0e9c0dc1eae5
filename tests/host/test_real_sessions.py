"""The real session process under the real host agent and proxy manager."""

import asyncio

from container_agent.host.parent_program import SESSION_COMMAND
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
from hosting import world
from sluicegate.v1 import outcome_pb2, session_pb2, slice_pb2
from sluicegate.v1 import proxy_manager_service_pb2 as pb


async def test_r44_r45_real_sessions_open_the_repository_and_tell_of_each_slice(tmp_path):
    repository = tmp_path / "repository"
    Repository.create(LocalStore(repository), b"secret")
    async with world(tmp_path) as w:
        await w.manager()
        await w.host(sessions_max=3, command=SESSION_COMMAND)
        client = await w.client()
        async with client.listening() as outcomes:
            session_ids = ["s1", "s2", "s3"]
            assert await client.granted(*session_ids) == session_ids
            for session_id in session_ids:
                await _verify(client, session_id, str(repository))
            ends = await asyncio.gather(*map(outcomes.end_of, session_ids))
            assert [(end.failure, end.message) for end in ends] == [(0, "")] * 3
            for session_id in session_ids:
                first, second, _ = outcomes.of(session_id)
                assert (first.slice_end.slice_id, first.slice_end.failure) == ("v:0", 0)
                assert (second.slice_end.slice_id, second.slice_end.failure) == ("v:1", 0)
            await client.free(3)


async def test_a_real_session_says_what_is_wrong_with_a_repository(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        await w.host(command=SESSION_COMMAND)
        client = await w.client()
        async with client.listening() as outcomes:
            await client.granted("s1")
            await _verify(client, "s1", str(tmp_path / "nothing"))
            assert (await outcomes.end_of("s1")).failure == 0
            told = outcomes.of("s1")[0].slice_end
            assert told.failure == outcome_pb2.FAILURE_REASON_REPOSITORY_MISSING


async def _verify(client, session_id: str, location: str) -> None:
    slices = [
        slice_pb2.Slice(slice_id=f"v:{number}", attempt=1, verify=slice_pb2.VerifyWork())
        for number in range(2)
    ]
    work = session_pb2.SessionWork(
        session_id=session_id,
        repository=slice_pb2.Repository(location=location),
        slices=slices,
        drain=True,
    )
    await client.stub.Initiate(pb.InitiateRequest(work=work), timeout=10)
