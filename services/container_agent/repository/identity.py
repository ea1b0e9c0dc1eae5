"""Who writes: as keys, locks and snapshots tell it."""

import os
import pwd
import socket
from dataclasses import dataclass
from functools import cache


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
