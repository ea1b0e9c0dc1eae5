"""Who writes: as keys, locks and snapshots tell it."""

import os
import pwd
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROC = Path("/proc")
# Of /proc/<pid>/stat, counted from behind the name, which may hold anything.
START_TIME_FIELD = 19

# How a host agent names a container to the session in it.
CONTAINER_MARK = "SLUICEGATE_CONTAINER"


@dataclass(frozen=True)
class Identity:
    """A user on a host."""

    hostname: str
    username: str
    uid: int
    gid: int


@cache
def local_identity() -> Identity:
    """This process's."""
    uid = os.getuid()
    try:
        username = pwd.getpwuid(uid).pw_name
    except KeyError:
        username = ""
    return Identity(socket.gethostname(), username, uid, os.getgid())


def own_mark() -> str:
    """What tells this process from all others: in a container of its own, that one's name."""
    return os.environ.get(CONTAINER_MARK) or process_mark(os.getpid())


def process_mark(pid: int) -> str:
    """What tells a process from all others that bear its number: the system's start, the space of
    process numbers, its own start. Empty where there is no such process, or it cannot be told."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        numbers = (PROC / "self/ns/pid").stat().st_ino
        status = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return ""
    return f"{boot}/{numbers}/{status.rpartition(')')[2].split()[START_TIME_FIELD]}"
