"""The stock restic program, run on a session's repository: prune and full check are its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO

from container_agent.repository.errors import RepositoryError, RepositoryLocked, StorageFull
from container_agent.repository.locations import for_restic
from container_agent.session.tally import Tally

PROGRAM = "restic"
LOOK_SECONDS = 0.2
# Told to end it gives its lock back; longer than this a session has not before it is killed.
LEAVE_SECONDS = 5.0
LINES_MAX = 1000
LINE_BYTES_MAX = 4096
PIPE_BYTES = 64 << 10
LOCKED = "repository is already locked"
FULL = ("no space left on device", "disk quota exceeded")
# Such as `[0:05] 12.50%  3 / 24 packs`.
PROGRESS = re.compile(r"\[[0-9:]+\] +([0-9.]+% .*)")
RETRYING = "returned error, retrying after"
# Becomes the program after it has asked to be told to end when this process does: as an orphan it
# would hold the repository and change it, and nobody would know.
TETHERED = """
import ctypes, os, signal, sys
parent, program, *words = sys.argv[1:]
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
if os.getppid() == int(parent):
    os.execv(program, ["restic", *words])
"""


class ResticMissing(RepositoryError):
    """The host of the session has no restic, or none that can do it."""


class ResticFailed(RepositoryError):
    """It ended with an error of a kind that is not known here. It may pass."""


@dataclass
class Ended:
    """How it ended: its exit code, and the last of what it printed and the first of its errors."""

    code: int = 0
    printed: deque[str] = field(default_factory=lambda: deque(maxlen=LINES_MAX))
    errors: list[str] = field(default_factory=list)
    errors_count: int = 0

    def take_error(self, line: str) -> None:
        """Takes in a line of its errors; one that is indented goes on with the last."""
        if not line or RETRYING in line:
            return
        if line[0].isspace() and self.errors:
            self.errors[-1] = f"{self.errors[-1]} {line.strip()}"[:LINE_BYTES_MAX]
            return
        self.errors_count += 1
        if len(self.errors) < LINES_MAX:
            self.errors.append(line)

    def failure(self) -> RepositoryError:
        """What its errors say."""
        last = self.errors[-1].removeprefix("Fatal: ") if self.errors else "it said nothing"
        for line in self.errors:
            if LOCKED in line:
                holder = line.partition(LOCKED)[2].strip()
                return RepositoryLocked(
                    f"The repository is locked {holder}; wait until it is done. What nobody holds"
                    " any more, `restic unlock` removes."
                )
            if any(words in line.lower() for words in FULL):
                return StorageFull(f"Backup storage is full: {line}")
        return ResticFailed(f"restic ended with exit code {self.code}: {last}")


class Restic:
    """restic on one repository. It has the password by a pipe, and the credentials of an object
    store from the environment of the session."""

    def __init__(self, location: str, password: bytes) -> None:
        self._location = location
        self._password = password

    def run(self, words: Sequence[str], tally: Tally) -> Ended:
        """Runs it to its end. When the session is told to stop, or anything fails here, it is ended
        before this returns; when the session dies, it is told to end too. ResticMissing."""
        program = shutil.which(PROGRAM)
        if program is None:
            raise ResticMissing(
                "The host of the session has no restic program; install it there, such as with"
                " `apt-get install restic`."
            )
        with tempfile.TemporaryDirectory(prefix="sluicegate-restic-") as cache:
            password = self._password_pipe()
            try:
                process = self._start(program, words, Path(cache), password)
            finally:
                os.close(password)
            return self._followed(process, tally)

    def _password_pipe(self) -> int:
        """A pipe with the password in it: nobody can read it but who has its end."""
        text = self._password.decode("utf-8", "surrogateescape")
        if text != text.strip() or len(self._password) > PIPE_BYTES:
            raise ResticMissing(
                "restic takes no password with white space at its ends from where it is not seen;"
                " add a key with another one by `restic key add`."
            )
        reading, writing = os.pipe()
        os.write(writing, self._password)
        os.close(writing)
        return reading

    def _start(
        self, program: str, words: Sequence[str], cache: Path, password: int
    ) -> subprocess.Popen[bytes]:
        given = [f"--repo={for_restic(self._location, os.environ)}", f"--cache-dir={cache}"]
        given += [f"--password-file=/dev/fd/{password}"]
        tether = [sys.executable, "-I", "-S", "-c", TETHERED, str(os.getpid()), program]
        return subprocess.Popen(
            [*tether, *given, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment_for(os.environ),
            pass_fds=(password,),
            # Who kills the session kills its group; this one is to give its lock back first.
            process_group=0,
        )

    def _followed(self, process: subprocess.Popen[bytes], tally: Tally) -> Ended:
        ended = Ended()
        assert process.stdout is not None and process.stderr is not None
        readers = [
            Thread(target=_read, args=(process.stdout, ended.printed.append), daemon=True),
            Thread(target=_read, args=(process.stderr, ended.take_error), daemon=True),
        ]
        for reader in readers:
            reader.start()
        try:
            while process.poll() is None:
                tally.check()
                tally.told = progress_in(ended.printed) or tally.told
                _wait(process, LOOK_SECONDS)
        finally:
            _end(process)
            for reader in readers:
                # What it may have started could keep the pipes open; nobody waits for that.
                reader.join(LEAVE_SECONDS)
        ended.code = process.returncode
        return ended


def progress_in(printed: Sequence[str]) -> str:
    """How far it says it is in its last line, such as `12.50% 3 / 24 packs`."""
    found = PROGRESS.fullmatch(printed[-1]) if printed else None
    return " ".join(found[1].split()) if found else ""


def environment_for(environment: Mapping[str, str]) -> dict[str, str]:
    """The session's environment without what would change what restic does; it tells how far it
    is every other second."""
    kept = {n: v for n, v in environment.items() if not n.startswith(("RESTIC_", "MALLOC_"))}
    return kept | {"RESTIC_PROGRESS_FPS": "0.5"}


def _read(stream: IO[bytes], take: Callable[[str], None]) -> None:
    with stream:
        while line := stream.readline(LINE_BYTES_MAX):
            take(line.decode("utf-8", "replace").rstrip())


def _wait(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends it, if it has not ended: asked first, as it holds a lock."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        if not _wait(process, LEAVE_SECONDS):
            process.kill()
            process.wait()
