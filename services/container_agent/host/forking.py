"""Inside the parent of a host's sessions: a process that has loaded all that a session needs, and
of which each session is a fork.

A fork takes some milliseconds; to start Python and load everything takes two hundred. The parent
has no thread, no channel and no password, so that nothing but code is shared.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress

from container_agent.host.birth import Birth, decode_birth

MESSAGE_BYTES_MAX = 16 << 10
# What a session is handed: where it writes its errors, and what is open as long as it lives.
DESCRIPTORS = 2
COMM = "/proc/self/comm"


def born() -> Birth:
    """Makes this process the parent, and returns in every session that is forked from it.

    Standard input is the socket on which the host agent orders sessions, one at a time, and hears
    what becomes of them. The parent ends when the host agent is gone. A session is a leader of a
    process group of its own, has standard error to itself and nothing else that is open.
    """
    control = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    os.dup2(null, sys.stdin.fileno())
    os.close(null)
    parent = _Parent(control)
    # What is loaded by now is never collected: else the first collection would copy every page.
    gc.collect()
    gc.freeze()
    with suppress(BrokenPipeError, ConnectionResetError):
        return parent.serve()
    os._exit(0)


class _Parent:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._bell, self._ringing = socket.socketpair()
        for end in (self._bell, self._ringing):
            end.setblocking(False)
        signal.set_wakeup_fd(self._ringing.fileno(), warn_on_full_buffer=False)
        # Python wakes up for signals that have a handler.
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> Birth:
        """Forks as ordered; returns in sessions. BrokenPipeError when the host agent is gone."""
        self._say({"ready": True})
        waiting = select.poll()
        for end in (self._control, self._bell):
            waiting.register(end, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in waiting.poll()}
            if self._bell.fileno() in ready:
                self._bell.recv(MESSAGE_BYTES_MAX)
                self._tell_ended()
            if self._control.fileno() in ready and (birth := self._obey()):
                return birth

    def _obey(self) -> Birth | None:
        """Forks once; the session has something returned."""
        order, descriptors, _, _ = socket.recv_fds(
            self._control, MESSAGE_BYTES_MAX, DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
        )
        if not order:
            raise BrokenPipeError
        try:
            if os.fork() == 0:
                return self._leave(decode_birth(order), *descriptors)
        except OSError as error:
            self._say({"failed": error.strerror})
        for descriptor in descriptors:
            os.close(descriptor)
        return None

    def _leave(self, birth: Birth, errors: int, _alive: int) -> Birth:
        """Becomes a session. `_alive` stays open, and so says to its other end that this lives."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        os.dup2(errors, sys.stderr.fileno())
        os.close(errors)
        _name_process(birth.session_id)
        # By itself, so that whoever reads it can end the process group: there is one now.
        self._say({"born": os.getpid(), "session_id": birth.session_id})
        for end in (self._control, self._bell, self._ringing):
            end.close()
        return birth

    def _tell_ended(self) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                self._say({"ended": pid, "code": os.waitstatus_to_exitcode(status)})

    def _say(self, message: dict[str, object]) -> None:
        self._control.send(json.dumps(message).encode())


def _name_process(session_id: str) -> None:
    """For `ps -o comm`; the kernel keeps fifteen letters, and the last ones tell more."""
    with suppress(OSError), open(COMM, "w") as comm:
        comm.write(session_id[-15:])
