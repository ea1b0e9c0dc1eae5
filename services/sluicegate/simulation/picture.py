"""A forecast as a picture: one row a stream, one bar a slice, grouped by host. One SVG file."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from sluicegate.simulation.drawing import Bar, Stay
from sluicegate.simulation.plan import Forecast
from sluicegate.simulation.report import host_uses, lines, span

WIDTH = 1_200
LEFT = 110
ROW = 9
GAP = 26
HEAD = 30
# So many rows are still told apart; of more the first are drawn, and it is said.
ROWS_MAX = 480
# Thinner bars are not seen; a slice that is shorter is drawn so thin.
THINNEST = 0.4
TICKS = 8
COLOURS = (
    "#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#edc948",
    "#76b7b2", "#9c755f", "#ff9da7", "#8cd17d", "#499894",
)  # fmt: skip
STYLE = (
    "text{font:12px sans-serif;fill:#333}.m{font-size:10px;fill:#777}"
    ".r{fill:#f3f3f3}.s{fill:#d8d8d8}.x{opacity:.35}"
)


def write_picture(forecast: Forecast, path: Path) -> None:
    """Writes it: an SVG file, or the same within a page with its figures if the name ends so."""
    drawn = svg(forecast)
    if path.suffix.lower() in (".html", ".htm"):
        text = escape("\n".join(lines(forecast)))
        title = "How the streams are used"
        drawn = (
            f'<!doctype html><meta charset="utf-8"><title>{title}</title>'
            f"<h1>{title}</h1><pre>{text}</pre>{drawn}\n"
        )
    path.write_text(drawn, encoding="utf-8")


def svg(forecast: Forecast) -> str:
    """The picture."""
    parts = list(_hosts(forecast))
    height = HEAD + GAP + sum(rows * ROW + GAP for _, rows in parts)
    body = "".join(text for text, _ in _placed(parts))
    scale = _scale(forecast, height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}"><style>{STYLE}</style>{scale}{body}</svg>'
    )


def _placed(parts: Sequence[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    top = HEAD + GAP
    for text, rows in parts:
        yield f'<g transform="translate(0,{top})">{text}</g>', top
        top += rows * ROW + GAP


def _hosts(forecast: Forecast) -> Iterator[tuple[str, int]]:
    """Each host's group, and how many rows it has."""
    left = ROWS_MAX
    bars: dict[str, list[Bar]] = {}
    for bar in forecast.drawing.bars:
        bars.setdefault(bar.session_id, []).append(bar)
    for use in host_uses(forecast):
        rows = min(forecast.question.sessions_max, left)
        left -= rows
        stays = [s for s in forecast.drawing.stays if s.host_name == use.host_name]
        name = escape(use.host_name)
        head = f"{name}: {use.working:.0%} working, {use.starting:.0%} starting, "
        head += f"{use.between:.0%} between slices, {use.empty:.0%} empty"
        if rows < forecast.question.sessions_max:
            head += f" ({rows} of {forecast.question.sessions_max} streams are drawn)"
        text = f'<text x="{LEFT}" y="-5">{head}</text>'
        text += "".join(_rows(forecast, stays, bars, rows))
        yield text, rows


def _rows(
    forecast: Forecast, stays: Sequence[Stay], bars: dict[str, list[Bar]], rows: int
) -> Iterator[str]:
    each = (WIDTH - LEFT - 10) / (forecast.total_seconds or 1.0)
    for row in range(rows):
        yield _rectangle("r", LEFT, row, WIDTH - LEFT - 10)
    for row, stay in _laid_out(stays):
        if row >= rows:
            continue
        yield _rectangle("s", LEFT + stay.ordered * each, row, (stay.gone - stay.ordered) * each)
        for bar in bars.get(stay.session_id, ()):
            yield _bar(bar, row, each)


def _laid_out(stays: Sequence[Stay]) -> Iterator[tuple[int, Stay]]:
    """Containers that are there at the same time are in different rows."""
    free: list[float] = []
    for stay in sorted(stays, key=lambda stay: (stay.ordered, stay.session_id)):
        row = next((row for row, until in enumerate(free) if until <= stay.ordered), len(free))
        if row == len(free):
            free.append(0.0)
        free[row] = stay.gone
        yield row, stay


def _bar(bar: Bar, row: int, each: float) -> str:
    asset = int(bar.slice.run_id.rpartition("-")[2]) - 1
    colour = COLOURS[asset % len(COLOURS)] if bar.slice.number > 0 else "#333"
    title = f"{bar.slice.slice_id} in {bar.session_id}: {span(bar.stop - bar.start)}"
    return _rectangle(
        "" if bar.done else "x",
        LEFT + bar.start * each,
        row,
        (bar.stop - bar.start) * each,
        f' fill="{colour}"',
        f"<title>{escape(title)}</title>",
    )


def _rectangle(
    kind: str, x: float, row: int, width: float, more: str = "", inside: str = ""
) -> str:
    name = f' class="{kind}"' if kind else ""
    return (
        f'<rect{name} x="{x:.1f}" y="{row * ROW}" width="{max(width, THINNEST):.1f}"'
        f' height="{ROW - 1}"{more}>{inside}</rect>'
    )


def _scale(forecast: Forecast, height: int) -> str:
    total = forecast.total_seconds or 1.0
    question = forecast.question
    text = (
        f'<text x="{LEFT}" y="16">{escape(question.method)}, {escape(question.order)}:'
        f" {span(total)} in all, {question.usable} streams {forecast.use:.0%} full</text>"
    )
    for tick in range(TICKS + 1):
        x = LEFT + (WIDTH - LEFT - 10) * tick / TICKS
        text += f'<path d="M{x:.1f} {HEAD}V{height}" stroke="#ddd"/>'
        anchor = "end" if tick == TICKS else "middle"
        text += f'<text class="m" x="{x:.1f}" y="{HEAD + 2}" text-anchor="{anchor}">'
        text += f"{span(total * tick / TICKS)}</text>"
    return text
