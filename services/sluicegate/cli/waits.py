"""Why a backup waits, in words."""

from typing import Any

from sluicegate.cli.sizes import show_seconds
from sluicegate.cli.summary import row
from sluicegate.rpc.text import printable
from sluicegate.v1 import data_manager_service_pb2 as pb

WORDS = {
    pb.WAIT_REASON_OVER: "it is over",
    pb.WAIT_REASON_RUNNING: "it runs",
    pb.WAIT_REASON_CRAWLING: "nothing is cut yet that could wait",
    pb.WAIT_REASON_RESERVING: "a place is being asked for",
    pb.WAIT_REASON_STREAMS: "it has as many streams as it may have (--streams)",
    pb.WAIT_REASON_STORAGE_LIMIT: "its primary storage has as many streams as it may have",
    pb.WAIT_REASON_NO_PLACE: "no host has a place",
    pb.WAIT_REASON_LOWER_SHARE: "others have their turn first",
    pb.WAIT_REASON_DELAY: "it failed or was declined, and is tried again after a while",
    pb.WAIT_REASON_UNREACHABLE: "the proxy manager does not answer",
    pb.WAIT_REASON_NEXT: "it is about to be asked for",
    pb.WAIT_REASON_STORAGE_AWAY: "backup storage is away or full",
}


def print_wait(told: pb.ExplainWaitResponse) -> None:
    """Why something waits, the weightiest reason first, and who has what it waits for."""
    lines = [row("why" if not n else "", _words(reason)) for n, reason in enumerate(told.reasons)]
    lines += [row("host", printable(why)) for why in told.hosts]
    lines += [row("behind", printable(run_id)) for run_id in told.blocking_backup_ids]
    if told.position:
        lines.append(row("before it", f"{told.position:,} slices of the same backup"))
    if told.predicted_start_seconds >= 0 and not _goes(told):
        lines.append(row("starts in", show_seconds(told.predicted_start_seconds)))
    print("\n".join(lines))


def wait_object(backup_id: str, told: pb.ExplainWaitResponse) -> dict[str, Any]:
    """The same for a program; `predicted_start_seconds` is null when it is not known."""
    start = told.predicted_start_seconds
    return {
        "event": "wait",
        "run_id": backup_id,
        "reasons": [_name(reason) for reason in told.reasons],
        "hosts": list(told.hosts),
        "blocking_backup_ids": list(told.blocking_backup_ids),
        "position": told.position,
        "predicted_start_seconds": start if start >= 0 else None,
    }


def _goes(told: pb.ExplainWaitResponse) -> bool:
    return told.reasons[:1] in ([pb.WAIT_REASON_OVER], [pb.WAIT_REASON_RUNNING])


def _words(reason: pb.WaitReason.ValueType) -> str:
    return WORDS.get(reason) or f"a reason that this program does not know ({reason})"


def _name(reason: pb.WaitReason.ValueType) -> str:
    return pb.WaitReason.Name(reason).removeprefix("WAIT_REASON_")
