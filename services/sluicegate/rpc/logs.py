"""Logs as the services write them."""

import logging
import sys
import traceback

from sluicegate.rpc.text import printable


class _OneLine(logging.Formatter):
    """An entry as one line, whatever names and tracebacks are in it."""

    def __init__(self, service_name: str) -> None:
        super().__init__()
        self._service_name = service_name

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info and record.exc_info[1]:
            text += "\n" + "".join(traceback.format_exception(record.exc_info[1])).rstrip()
        head = f"{self.formatTime(record)} {self._service_name} {record.levelname} {record.name}"
        return f"{head}: {printable(text)}"


def set_up_logs(service_name: str, *, verbose: bool = False) -> None:
    """Sends the logs of this process to stderr, one line each, control characters escaped."""
    writer = logging.StreamHandler(sys.stderr)
    writer.setFormatter(_OneLine(service_name))
    root = logging.getLogger()
    root.handlers[:] = [writer]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    for library in ("grpc", "asyncio", "docker", "urllib3", "aiosqlite"):
        logging.getLogger(library).setLevel(logging.WARNING)
    logging.captureWarnings(True)
