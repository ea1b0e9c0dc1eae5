"""Runs at a data manager that does as the test tells it: the command is a process of its own."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from commands import BIN, environment
from sluicegate.rpc.refusals import Reason, Refusal
from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1 import outcome_pb2, slice_pb2

RUNNING = pb.RunStatus(state=pb.RUN_STATE_RUNNING)
DONE = pb.RunStatus(state=pb.RUN_STATE_SUCCEEDED, counts=outcome_pb2.Counts(files=3))
SECONDS = 30


async def start(*arguments: object) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        BIN / "sluicegate",
        *map(str, arguments),
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ended(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    async with asyncio.timeout(SECONDS):
        out, said = await process.communicate()
    return await process.wait(), out.decode(), said.decode()


async def run(*arguments: object) -> tuple[int, str, str]:
    return await ended(await start(*arguments))


async def asked(data_manager, kind: type) -> object:
    """The request of that kind, once it has come."""
    async with asyncio.timeout(SECONDS):
        while True:
            for request in data_manager.runs.asked:
                if isinstance(request, kind):
                    return request
            await asyncio.sleep(0.01)


def backup(data_manager, *more: object) -> list[object]:
    return ["backup", "/a/b\n\udcff", "--repo", "/r", "--server", data_manager.address, *more]


async def test_a_backup_is_asked_for_as_the_options_say(data_manager):
    data_manager.runs.will_show(RUNNING, DONE)
    options = ["--streams", 7, "--slices-per-session", 2, "--slice-bytes", "1MiB"]
    code, out, said = await run(*backup(data_manager, *options))
    assert (code, said) == (0, "")
    assert "snapshot   abababab, after cdcdcdcd" in out
    asset, request = data_manager.runs.asked
    assert asset.asset.path == b"/a/b\n\xff"
    assert request.asset_id == asset.asset.asset_id
    assert request.repository.location == "/r"
    assert request.options == pb.BackupOptions(
        streams=7,
        slices_per_session=2,
        slice_bytes=1 << 20,
        order=pb.SLICE_ORDER_IN_ORDER,
        weight=1,
        storage_wait_seconds=900,
    )


async def test_a_backup_is_asked_for_by_the_method_and_order_of_the_options(data_manager):
    data_manager.runs.will_show(DONE)
    options = ["--method", "per-slice", "--order", "longest-first", "--priority", -2, "--weight", 3]
    options += ["--hedge", "--storage-wait", "2h"]
    code, _, said = await run(*backup(data_manager, *options))
    assert (code, said) == (0, "")
    _, request = data_manager.runs.asked
    assert request.options == pb.BackupOptions(
        method=pb.METHOD_PER_SLICE,
        streams=4,
        order=pb.SLICE_ORDER_LONGEST_FIRST,
        priority=-2,
        weight=3,
        hedge=True,
        storage_wait_seconds=7200,
    )


async def test_a_backup_is_asked_to_pass_over_what_the_options_say(data_manager, tmp_path: Path):
    data_manager.runs.will_show(DONE)
    (tmp_path / "more").write_text("# none of these\n\n  d.*\n$HOME/e\n")
    options = ["-e", "*.tmp", "--exclude", "!b\udcff", "--iexclude", "C", "-x", "--exclude-caches"]
    options += ["--exclude-file", tmp_path / "more", "--exclude-if-present", "f:g"]
    options += ["--exclude-larger-than", "1.5G", "--exclude", ""]
    code, _, said = await run(*backup(data_manager, *options))
    assert (code, said) == (0, "")
    _, request = data_manager.runs.asked
    home = os.fsencode(os.environ["HOME"])
    assert request.options.excludes == slice_pb2.Excludes(
        patterns=[b"*.tmp", b"!b\xff", b"d.*", home + b"/e"],
        insensitive_patterns=[b"C"],
        if_present=[b"f:g"],
        caches=True,
        one_file_system=True,
        larger_than_bytes=3 << 29,
    )


@pytest.mark.parametrize(
    ("include", "sent"), [("//a//b/", b"/a/b"), ("a/b", b"a/b"), ("a/../b\udcff", b"b\xff")]
)
async def test_a_restore_is_asked_for_as_the_options_say(data_manager, include: str, sent: bytes):
    data_manager.runs.will_show(DONE)
    code, _, said = await run(
        "restore", "latest", "--repo", "/r", "--to", "/to/../there", "--include", include,
        "--server", data_manager.address,
    )  # fmt: skip
    assert (code, said) == (0, "")
    [request] = data_manager.runs.asked
    assert request.plan == slice_pb2.RestorePlan(
        snapshot="latest", target=b"/there", include=sent, overwrite=slice_pb2.OVERWRITE_ALWAYS
    )


async def test_a_dry_run_of_a_restore_says_what_it_would_write(data_manager):
    counts = outcome_pb2.Counts(files=3, others=1, seen_bytes=5 << 20, unchanged_files=7)
    done = pb.RunStatus(state=pb.RUN_STATE_SUCCEEDED, counts=counts)
    words = ["restore", "latest", "--repo", "/r", "--to", "/to", "--server", data_manager.address]
    words += ["--overwrite", "if-newer", "--dry-run"]
    data_manager.runs.will_show(done)
    code, out, said = await run(*words)
    assert (code, said) == (0, "")
    assert "nothing was written" in out
    assert "would write 3 files, 0 directories, 1 others, 5.0 MiB" in out
    assert "would keep 7 files" in out
    [request] = data_manager.runs.asked
    assert request.plan.overwrite == slice_pb2.OVERWRITE_IF_NEWER
    assert request.plan.dry_run and not request.plan.drop_privileges
    data_manager.runs.will_show(done)
    _, out, _ = await run(*words, "--json")
    assert json.loads(out.splitlines()[-1])["dry_run"]


async def test_t15_a_restore_without_what_gives_rights_is_asked_for(data_manager):
    data_manager.runs.will_show(DONE)
    words = ("restore", "latest", "--repo", "/r", "--to", "/to", "--drop-privileges")
    code, _, said = await run(*words, "--server", data_manager.address)
    assert (code, said) == (0, "")
    [request] = data_manager.runs.asked
    assert request.plan.drop_privileges


async def test_what_fails_is_one_line_and_exits_with_1(data_manager):
    data_manager.runs.will_show(
        RUNNING, pb.RunStatus(state=pb.RUN_STATE_FAILED, message="the disk\nis full; make room")
    )
    code, out, said = await run(*backup(data_manager))
    assert (code, out, said) == (1, "", "sluicegate: the disk is full; make room\n")


async def test_unread_files_are_listed_and_it_exits_with_3(data_manager):
    file = outcome_pb2.UnreadFile(path=b"x", reason=outcome_pb2.UNREAD_REASON_VANISHED)
    data_manager.runs.will_show(
        pb.RunStatus(state=pb.RUN_STATE_PARTIAL, unread_files=[file], unread_files_count=1)
    )
    code, out, _ = await run(*backup(data_manager))
    assert code == 3
    assert "  x: vanished before it was read" in out


async def test_json_is_an_object_a_line(data_manager):
    process = await start(*backup(data_manager, "--json"))
    data_manager.runs.will_show(RUNNING)
    assert process.stdout is not None
    async with asyncio.timeout(SECONDS):
        first = json.loads(await process.stdout.readline())
        second = json.loads(await process.stdout.readline())
    assert (first["event"], second["event"]) == ("started", "progress")
    created = await asked(data_manager, pb.CreateBackupRequest)
    assert first["run_id"] == created.backup_id
    data_manager.runs.will_show(DONE)
    code, out, said = await ended(process)
    assert (code, said) == (0, "")
    last = json.loads(out.splitlines()[-1])
    assert (last["event"], last["state"], last["files"]) == ("summary", "SUCCEEDED", 3)


async def test_a_refusal_is_told(data_manager):
    data_manager.runs.refusal = Refusal(Reason.ASSET_BUSY, "ten backups run already; wait for one")
    code, _, said = await run(*backup(data_manager))
    assert code == 1
    assert said == "sluicegate: the data manager refuses: ten backups run already; wait for one\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_an_interrupt_cancels_the_run_and_waits_for_it(data_manager, number: signal.Signals):
    data_manager.runs.will_show(RUNNING)
    process = await start(*backup(data_manager))
    await asked(data_manager, pb.CreateBackupRequest)
    process.send_signal(number)
    await asked(data_manager, pb.CancelBackupRequest)
    data_manager.runs.will_show(pb.RunStatus(state=pb.RUN_STATE_CANCELLED, message="stopped"))
    code, _, said = await ended(process)
    assert code == 130
    assert "what was stored is kept" in said
    assert "Traceback" not in said


async def test_a_second_interrupt_leaves_at_once(data_manager):
    data_manager.runs.will_show(RUNNING)
    process = await start(*backup(data_manager))
    await asked(data_manager, pb.CreateBackupRequest)
    process.send_signal(signal.SIGINT)
    await asked(data_manager, pb.CancelBackupRequest)
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(5):
        code, _, said = await ended(process)
    assert code == 130
    assert "Traceback" not in said


async def test_a_run_that_does_not_stop_is_left_after_ten_seconds(data_manager):
    data_manager.runs.will_show(RUNNING)
    process = await start(*backup(data_manager))
    await asked(data_manager, pb.CreateBackupRequest)
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(15):
        code, _, said = await ended(process)
    assert code == 130
    assert "Traceback" not in said


async def test_a_data_manager_that_goes_away_is_found_again(data_manager):
    data_manager.runs.will_show(RUNNING, pb.RunStatus(message="hang up"), RUNNING, DONE)
    code, out, said = await run(*backup(data_manager))
    assert (code, said) == (0, "")
    created = [r for r in data_manager.runs.asked if isinstance(r, pb.CreateBackupRequest)]
    assert len(created) == 2
    assert created[0] == created[1], "the same again, so that it is begun once"
    assert "files      3 files" in out


async def test_progress_is_a_line_now_and_then(data_manager):
    data_manager.runs.will_show(RUNNING)
    process = await start(*backup(data_manager))
    assert process.stderr is not None
    async with asyncio.timeout(SECONDS):
        line = (await process.stderr.readline()).decode()
    assert line.startswith("looking what there is to do, 0 files, 0/0 slices, 0 streams")
    data_manager.runs.will_show(DONE)
    assert (await ended(process))[0] == 0


def test_the_working_directory_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from sluicegate.cli.places import absolute

    monkeypatch.chdir(tmp_path)
    assert absolute("x/../y", None) == bytes(tmp_path / "y")
