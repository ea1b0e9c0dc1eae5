"""What is shown while a run goes: a live line, a line now and then, or objects for programs."""

import json
import sys
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from sluicegate.cli.client import Standing
from sluicegate.cli.figures import Figures, Pace
from sluicegate.cli.sizes import show_seconds, show_size

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

LINE_SECONDS = 5.0
JSON_SECONDS = 1.0
# What is over sooner is not worth loading what draws it.
LIVE_SECONDS = 0.5
BAR_WIDTH = 24


class Reporter(AbstractContextManager["Reporter"], Protocol):
    """Shows a run while it goes; what it shows ends with the block."""

    def show(self, standing: Standing) -> None:
        """Takes in how the run stands. Called several times a second, shows what it thinks fit."""
        ...


def reporter(*, as_json: bool) -> Reporter:
    """The one that suits the place where the command runs."""
    pace = Pace()
    if as_json:
        return JsonReporter(pace)
    return LiveReporter(pace) if sys.stderr.isatty() else LineReporter(pace)


class LineReporter:
    """A line on stderr every five seconds, for logs."""

    every_seconds = LINE_SECONDS

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._next = time.monotonic() + self.every_seconds
        self._paused = False

    def __enter__(self) -> "LineReporter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def show(self, standing: Standing) -> None:
        """Shows it when it is time; that it pauses, or goes on, at once."""
        now = time.monotonic()
        figures = self._pace.figures(standing, now)
        changed, self._paused = self._paused != bool(figures.paused), bool(figures.paused)
        if changed or now >= self._next:
            self._next = now + self.every_seconds
            self._write(figures)

    def _write(self, figures: Figures) -> None:
        print(f"{first_line(figures)}, {second_line(figures)}", file=sys.stderr, flush=True)


class JsonReporter(LineReporter):
    """An object on stdout every second, for programs."""

    every_seconds = JSON_SECONDS

    def _write(self, figures: Figures) -> None:
        print_json({"event": "progress", **progress_object(figures)})


class LiveReporter:
    """Two lines at the bottom of a terminal, which are gone at the end."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._begin = time.monotonic() + LIVE_SECONDS
        self._live: Live | None = None

    def __enter__(self) -> "LiveReporter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, standing: Standing) -> None:
        """Shows it."""
        now = time.monotonic()
        figures = self._pace.figures(standing, now)
        if self._live is None and now >= self._begin:
            self._live = _live()
        if self._live is not None:
            self._live.update(_rendered(figures), refresh=True)


def _live() -> "Live":
    from rich.console import Console
    from rich.live import Live

    live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
    live.start()
    return live


def first_line(figures: Figures) -> str:
    """Bytes, rate and time left; or what it waits for."""
    if figures.paused:
        return f"paused: {figures.paused.rstrip('.')}; it goes on by itself"
    if figures.told:
        return figures.told
    share = figures.share
    if share is None and not figures.seen_bytes:
        return "looking what there is to do"
    if share is None:
        of = f"{show_size(figures.done_bytes)} of {show_size(figures.seen_bytes)} found so far"
    else:
        of = f"{share:4.0%} of {show_size(figures.total_bytes or 0)}"
    words = [of, f"{show_size(figures.bytes_per_second)}/s"]
    if figures.seconds_left is not None:
        words.append(f"{show_seconds(figures.seconds_left)} left")
    return ", ".join(words)


def second_line(figures: Figures) -> str:
    """Files, slices and streams."""
    slices = "sealing" if figures.sealing else f"{figures.slices_done}/{figures.slices} slices"
    streams = "1 stream" if figures.streams == 1 else f"{figures.streams} streams"
    return f"{figures.files:,} files, {slices}, {streams}, {show_seconds(figures.seconds)}"


def progress_object(figures: Figures) -> dict[str, Any]:
    """The figures for a program."""
    return {
        "seconds": round(figures.seconds, 3),
        "files": figures.files,
        "done_bytes": figures.done_bytes,
        "total_bytes": figures.total_bytes,
        "added_bytes": figures.added_bytes,
        "bytes_per_second": round(figures.bytes_per_second),
        "seconds_left": None if figures.seconds_left is None else round(figures.seconds_left, 1),
        "slices_done": figures.slices_done,
        "slices": figures.slices,
        "streams": figures.streams,
        "sealing": figures.sealing,
        "paused": figures.paused,
        "told": figures.told,
    }


def print_json(value: dict[str, Any]) -> None:
    """One object, one line, at once."""
    print(json.dumps(value, ensure_ascii=True), flush=True)


def _rendered(figures: Figures) -> "RenderableType":
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    share = figures.share
    bar = ProgressBar(100, 100 * (share or 0), width=BAR_WIDTH, pulse=share is None)
    top = Table.grid(padding=(0, 1))
    top.add_row(bar, Text(first_line(figures), no_wrap=True, overflow="ellipsis"))
    return Group(top, Text(second_line(figures), style="dim", no_wrap=True, overflow="ellipsis"))
