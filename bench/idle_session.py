"""A session program whose slices do nothing, or wait: what is left is the control plane.

It is the real one but for its work. A crawl of `/<slices>/<milliseconds>` cuts so many slices, each
of which waits so long. At its end a session writes down the gaps between its slices, and how much
cpu it used.
"""

import json
import os
import time
from collections.abc import Callable
from typing import Any

from container_agent.session import __main__ as session
from container_agent.session import work
from sluicegate.v1 import outcome_pb2, slice_pb2

NOTES = "BENCH_NOTES"
CUT_BYTES = 1 << 20


class IdleWork:
    """What a session works with, as `container_agent.session.work.Work`."""

    def __init__(self, *opening: Any) -> None:  # noqa: ANN401  # those of the real one
        self._report: Callable[[outcome_pb2.CutsMade], None] = opening[-1]
        self._end_time = 0.0
        self._gaps: list[float] = []

    def perform(self, slice_: slice_pb2.Slice) -> outcome_pb2.SliceEnd:
        """Does a slice."""
        begun = time.monotonic()
        end = outcome_pb2.SliceEnd(slice_id=slice_.slice_id, attempt=slice_.attempt)
        match slice_.WhichOneof("work"):
            case "crawl":
                reporting = work.Reporting(slice_, self._report)
                reporting(cuts_of(slice_.crawl.source), b"")
            case "copy":
                if self._end_time:
                    self._gaps.append(begun - self._end_time)
                if milliseconds := float(slice_.copy.source.split(b"/")[2]):
                    time.sleep(milliseconds / 1000)
        end.result_id = bytes(32)
        end.took_ms = max(1, round((time.monotonic() - begun) * 1000))
        self._end_time = time.monotonic()
        return end

    def progress(self) -> None:
        """Nothing is in between."""
        return None

    def close(self) -> None:
        """Writes it down."""
        if directory := os.environ.get(NOTES):
            with open(os.path.join(directory, f"{os.getpid()}.json"), "w") as file:
                json.dump({"gaps": self._gaps, "cpu": time.process_time()}, file)


def cuts_of(source: bytes) -> list[outcome_pb2.Cut]:
    """As many cuts as a source says, end to end."""
    slices = int(source.split(b"/")[1])
    places = [slice_pb2.Position(path=b"%07d" % n if n else b"") for n in range(slices)]
    return [
        outcome_pb2.Cut(span=slice_pb2.Span(start=start, stop=stop), bytes=CUT_BYTES, files=1)
        for start, stop in zip(places, [*places[1:], None], strict=True)
    ]


if __name__ == "__main__":
    work.Work = IdleWork  # type: ignore[misc,assignment]
    session.main()
