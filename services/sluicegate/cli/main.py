"""The `sluicegate` command, as the console script calls it.

Nothing is imported here that takes time: an interrupt must find its handler, and help be quick.
"""

import gc
import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130
# To load makes objects by the ten thousand and no rubbish; Python would look for some every 700.
NEW_OBJECTS = 20_000


def main() -> NoReturn:
    """Runs the command; whatever happens, it ends with an exit code and no traceback."""
    signal.signal(signal.SIGINT, _leave)
    gc.set_threshold(NEW_OBJECTS)
    # gRPC has its own idea of what people want to read.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from sluicegate.cli.app import run

    try:
        run()
    except SystemExit as end:
        code = end.code
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    # Everything is closed by now; to take the interpreter apart would take longer than that did.
    os._exit(code if isinstance(code, int) else 1)


def _leave(number: int, frame: FrameType | None) -> None:
    """An interrupt before there is anything to clean up."""
    os._exit(INTERRUPTED)
