"""The `sluicegate` command, as the console script calls it.

Nothing is imported here that takes time: an interrupt must find its handler, and help be quick.
"""

import os
import signal
from types import FrameType

INTERRUPTED = 130


def main() -> None:
    """Runs the command; whatever happens, it ends with an exit code and no traceback."""
    signal.signal(signal.SIGINT, _leave)
    # gRPC has its own idea of what people want to read.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from sluicegate.cli.app import run

    run()


def _leave(number: int, frame: FrameType | None) -> None:
    """An interrupt before there is anything to clean up."""
    os._exit(INTERRUPTED)
