"""Proxy hosts as they are shown."""

from collections.abc import Sequence
from typing import Any

from sluicegate.cli.sizes import show_seconds, show_size
from sluicegate.cli.summary import row
from sluicegate.cli.tables import print_table
from sluicegate.rpc.text import printable
from sluicegate.v1 import proxy_manager_service_pb2 as pb

COUNTS = ("limit", "running", "reserved", "ending", "free")
HEAD = ("host", "state", *COUNTS, "cpu", "memory", "pressure", "why")
COLOURS = {"attached": "green", "draining": "yellow", "silent": "yellow", "lost": "red"}
WHY = {
    pb.DECLINE_REASON_NO_PLACE: "every place is taken",
    pb.DECLINE_REASON_OVER_THRESHOLD: "its load is over a threshold",
    pb.DECLINE_REASON_HOST_LOST: "not attached",
    pb.DECLINE_REASON_HOST_DRAINING: "an operator drains it",
}


def print_hosts(hosts: Sequence[pb.Host]) -> None:
    """A line for each host."""
    print_table(HEAD, [_row(host) for host in hosts], COLOURS)


def print_sessions(sessions: Sequence[pb.HostSession]) -> None:
    """A line for each session of a host."""
    rows = [
        (
            printable(s.session_id),
            _stage(s),
            show_seconds(s.seconds),
            f"{s.usage.cpus:.2f}" if s.HasField("usage") else "",
            show_size(s.usage.memory_bytes) if s.HasField("usage") else "",
            printable(s.data_manager_id),
        )
        for s in sessions
    ]
    print_table(("session", "stage", "since", "cpus", "memory", "data manager"), rows)


def host_lines(host: pb.Host) -> list[str]:
    """What there is to know about one host."""
    capacity = host.capacity
    limit = f"{host.limit}, set by an operator" if host.limit else "none set"
    offered = f"it says {host.offered}" if host.offered else "not attached"
    lines = [
        row("host", printable(capacity.host_name)),
        row("state", _state(host)),
        row("limit", f"{capacity.sessions_max} ({limit}; {offered})"),
        row("sessions", f"{capacity.running} running, {capacity.held} reserved,"
            f" {capacity.ending} ending"),
        row("free", str(capacity.free)),
        row("load", f"cpu {capacity.cpu:.0%}, memory {capacity.memory:.0%}"),
        row("pressure", f"{capacity.pressure:.0%} of the time something waits for storage or"
            " memory"),
    ]  # fmt: skip
    if why := _why(host):
        lines.append(row("why none", why))
    if host.state in (pb.HOST_STATE_SILENT, pb.HOST_STATE_LOST):
        lines.append(row("silent", show_seconds(host.silent_seconds)))
    return lines


def host_object(host: pb.Host, sessions: Sequence[pb.HostSession] | None = None) -> dict[str, Any]:
    """All that is known about a host, for a program; its sessions if they were asked for."""
    capacity = host.capacity
    made: dict[str, Any] = {
        "event": "host",
        "host": capacity.host_name,
        "state": state_name(host),
        "draining": capacity.draining,
        "sessions_max": capacity.sessions_max,
        "limit": host.limit,
        "offered": host.offered,
        "running": capacity.running,
        "reserved": capacity.held,
        "ending": capacity.ending,
        "free": capacity.free,
        "cpu": round(capacity.cpu, 4),
        "memory": round(capacity.memory, 4),
        "pressure": round(capacity.pressure, 4),
        "closed": pb.DeclineReason.Name(capacity.closed).removeprefix("DECLINE_REASON_")
        if capacity.closed
        else "",
        "quarantine_seconds": round(capacity.quarantine_seconds, 1),
        "silent_seconds": round(host.silent_seconds, 1),
    }
    if sessions is not None:
        made["sessions"] = [
            {
                "session_id": session.session_id,
                "data_manager_id": session.data_manager_id,
                "stage": _stage(session),
                "seconds": round(session.seconds, 1),
                "cpus": round(session.usage.cpus, 2) if session.HasField("usage") else None,
                "memory_bytes": session.usage.memory_bytes if session.HasField("usage") else None,
            }
            for session in sessions
        ]
    return made


def _row(host: pb.Host) -> tuple[str, ...]:
    capacity = host.capacity
    running, held, ending = capacity.running, capacity.held, capacity.ending
    counts = (capacity.sessions_max, running, held, ending, capacity.free)
    shares = (capacity.cpu, capacity.memory, capacity.pressure)
    named = (printable(capacity.host_name), _state(host))
    return (*named, *map(str, counts), *(f"{share:.0%}" for share in shares), _why(host))


def _state(host: pb.Host) -> str:
    """In one word. Of a host that is there, draining says more than attached."""
    if host.state == pb.HOST_STATE_ATTACHED and host.capacity.draining:
        used = host.capacity.running + host.capacity.held + host.capacity.ending
        return "draining" if used else "drained"
    return state_name(host)


def state_name(host: pb.Host) -> str:
    """How a host stands, in one word."""
    return pb.HostState.Name(host.state).removeprefix("HOST_STATE_").lower()


def _why(host: pb.Host) -> str:
    capacity = host.capacity
    if capacity.closed == pb.DECLINE_REASON_QUARANTINED:
        rest = capacity.quarantine_seconds
        return f"in quarantine, {show_seconds(rest)} left" if rest else "waits for a probe session"
    return WHY.get(capacity.closed, "closed") if capacity.closed else ""


def _stage(session: pb.HostSession) -> str:
    return pb.PlaceStage.Name(session.stage).removeprefix("PLACE_STAGE_").lower()
