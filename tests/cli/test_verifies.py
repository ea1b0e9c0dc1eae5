"""Verifies and restore drills, as the command asks for them and tells of them."""

from cli.test_runs import DONE, run
from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1 import outcome_pb2


async def test_a_verify_is_asked_for(data_manager):
    data_manager.runs.will_show(DONE)
    words = ("verify", "abcd", "--repo", "/r", "--server", data_manager.address)
    code, out, _ = await run(*words, "--part", "2/7", "--streams", "3")
    assert code == 0
    assert "verified" in out
    [request] = data_manager.runs.asked
    assert request.verify.snapshot == "abcd"
    assert (request.verify.part.number, request.verify.part.parts) == (2, 7)
    assert request.streams == 3


async def test_a_drill_is_a_verify_that_restores(data_manager):
    data_manager.runs.will_show(DONE)
    words = ("drill", "--files", "7", "--repo", "/r", "--server", data_manager.address)
    code, out, _ = await run(*words)
    assert code == 0
    assert "each as it was backed up" in out
    [request] = data_manager.runs.asked
    assert (request.verify.snapshot, request.verify.restore_files) == ("latest", 7)


async def test_a_verify_names_all_that_is_damaged(data_manager):
    place = outcome_pb2.UnreadFile(
        path=b"pack aa", reason=outcome_pb2.UNREAD_REASON_DAMAGED, detail="not what its name says"
    )
    data_manager.runs.will_show(
        pb.RunStatus(
            state=pb.RUN_STATE_FAILED,
            failure=outcome_pb2.FAILURE_REASON_REPOSITORY_DAMAGED,
            message="the repository is damaged in 1 places",
            unread_files=[place],
            unread_files_count=1,
        )
    )
    code, out, said = await run("verify", "--repo", "/r", "--server", data_manager.address)
    assert code == 1
    assert out == "damaged    1 place\n  pack aa: damaged (not what its name says)\n"
    assert "is damaged" in said
