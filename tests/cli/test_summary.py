"""The last word about a run."""

import json

from sluicegate.cli.client import Standing
from sluicegate.cli.failures import ExitCode
from sluicegate.cli.summary import (
    backup_lines,
    exit_code,
    restore_lines,
    summary_object,
    verify_lines,
)
from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1 import outcome_pb2

SECOND = 10**9


def standing(state: pb.RunState.ValueType = pb.RUN_STATE_PARTIAL, **fields: object) -> Standing:
    status = pb.RunStatus(
        state=state,
        counts=outcome_pb2.Counts(
            files=1234, directories=5, others=1, unchanged_files=1000,
            seen_bytes=9 << 20, read_bytes=3 << 20, added_bytes=1 << 20, blobs=77,
        ),
        slices=pb.SliceCounts(done=9, failed=1),
        streams_peak=4,
        start_time_ns=100 * SECOND,
        end_time_ns=102 * SECOND,
        unread_files_count=1002,
        unread_files=[
            outcome_pb2.UnreadFile(
                path=b"etc/sha\x1b[2J\xff", reason=outcome_pb2.UNREAD_REASON_DENIED
            ),
            outcome_pb2.UnreadFile(
                path=b"b", reason=outcome_pb2.UNREAD_REASON_IO_ERROR, detail="bad\nsector"
            ),
        ],
    )  # fmt: skip
    return Standing(status, "ab" * 32, "cd" * 32)


def test_a_backups_summary_says_what_a_person_wants():
    assert backup_lines(standing()) == [
        "snapshot   abababab, after cdcdcdcd",
        "files      1,234 files, 5 directories, 1 others, 1,000 unchanged",
        "read       3.0 MiB, 1.5 MiB/s",
        "added      1.0 MiB in 77 blobs",
        "time       2.0 s",
        "streams    4 at once, 10 slices",
        "not read   1,002 files",
        "  etc/sha\\x1b[2J\\xff: permission denied",
        "  b: input/output error (bad\\nsector)",
        "  and 1,000 more",
        "failed     1 slices",
    ]


def test_a_restores_summary_names_what_is_missing():
    assert "not restored 1,002 files" in restore_lines(standing())


def test_a_restore_says_how_many_files_were_there_already():
    line = "files      1,234 files, 5 directories, 1 others, 1,000 unchanged"
    assert line in restore_lines(standing())


def test_a_verify_says_how_much_was_read():
    assert verify_lines(standing())[0] == "verified   77 blobs, each as it was written"


def test_the_object_has_it_all_and_is_json():
    found = json.loads(json.dumps(summary_object(standing())))
    assert found["state"] == "PARTIAL"
    assert found["snapshot_id"] == "ab" * 32
    assert (found["files"], found["read_bytes"], found["seconds"]) == (1234, 3 << 20, 2.0)
    assert found["unread_files_count"] == 1002
    assert found["unread_files"][0] == {
        "path": "etc/sha\x1b[2J\ufffd",
        "path_base64": "ZXRjL3NoYRtbMkr/",
        "reason": "DENIED",
        "detail": "",
    }
    assert "path_base64" not in found["unread_files"][1]


def test_exit_codes_tell_how_it_ended():
    ends = {
        pb.RUN_STATE_SUCCEEDED: ExitCode.ALL,
        pb.RUN_STATE_PARTIAL: ExitCode.SOME_UNREAD,
        pb.RUN_STATE_FAILED: ExitCode.NOTHING,
        pb.RUN_STATE_CANCELLED: ExitCode.NOTHING,
    }
    for state, code in ends.items():
        assert exit_code(Standing(pb.RunStatus(state=state)), False) == code
    cancelled = Standing(pb.RunStatus(state=pb.RUN_STATE_CANCELLED))
    assert exit_code(cancelled, True) == ExitCode.INTERRUPTED
    ended_first = Standing(pb.RunStatus(state=pb.RUN_STATE_SUCCEEDED))
    assert exit_code(ended_first, True) == ExitCode.ALL
