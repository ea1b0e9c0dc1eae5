"""The program of the sessions' parent, started.

Imports little, so that a command can have it started before it loads anything itself.
"""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO

# -P: a session must not import what lies about in the directory it is started in.
SESSION_COMMAND = (sys.executable, "-P", "-m", "container_agent.session")
TAIL_BYTES = 4096
# glibc gives every buffer of a MiB back to the system at once, and each comes again as 256 page
# faults: measured, a sixth of a session's time.
MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
    "MALLOC_ARENA_MAX": "1",
}


class ParentProgram:
    """A process that forks sessions, the socket to order them on, and what it wrote on standard
    error. It has no password: neither its environment nor its sessions' has one.

    OSError when it cannot be started. It ends by itself when this process is gone.
    """

    def __init__(self, command: Sequence[str] = SESSION_COMMAND) -> None:
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed in end()
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=self.errors,
                env=MEMORY | without_passwords(os.environ),
                start_new_session=True,
            )
        except OSError:
            self.control.close()
            self.errors.close()
            raise
        finally:
            theirs.close()

    def last_words(self) -> str:
        """How it ended, in one line, once it has closed the socket."""
        self._process.kill()
        return last_line(self.errors) or ended(self._process.wait())

    def end(self) -> None:
        """Ends it; returns when it is gone. Its sessions stay. Twice is once."""
        self.control.close()
        self._process.kill()
        self._process.wait()
        self.errors.close()


def without_passwords(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without every variable that may hold a password."""
    return {name: value for name, value in environment.items() if "PASSWORD" not in name.upper()}


def last_line(errors: IO[bytes]) -> str:
    """The last line of what a process wrote that is not empty."""
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - TAIL_BYTES))
    lines = errors.read().decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def ended(code: int) -> str:
    """An exit code in words; negative for a signal."""
    import signal

    if code < 0:
        return f"the session was killed by {signal.Signals(-code).name}"
    return f"the session ended with exit code {code}"
