"""A chart of lines as one SVG file."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 60, 150, 40, 40
COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#b07aa1")
STYLE = "text{font:12px sans-serif;fill:#333}polyline{fill:none;stroke-width:2}"
TICKS = 4


def write_chart(
    path: Path, title: str, places: Sequence[str], lines: Mapping[str, Sequence[float]]
) -> None:
    """One line for each name, with a value at each of the places; the axis begins at 0."""
    highest = max(max(values) for values in lines.values())
    body = [f'<text x="{LEFT}" y="20">{escape(title)}</text>']
    for tick in range(TICKS + 1):
        value = highest * tick / TICKS
        y = _y(value, highest)
        body.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        body.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{value:,.0f}</text>')
    for number, place in enumerate(places):
        x = _x(number, len(places))
        label = f'<text x="{x}" y="{HEIGHT - 15}" text-anchor="middle">{escape(place)}</text>'
        body.append(label)
    for colour, (name, values) in zip(COLOURS, lines.items(), strict=False):
        points = [(_x(at, len(places)), _y(value, highest)) for at, value in enumerate(values)]
        joined = " ".join(f"{x},{y}" for x, y in points)
        body.append(f'<polyline points="{joined}" stroke="{colour}"/>')
        x, y = points[-1]
        body.append(f'<text x="{x + 8}" y="{y + 4}" style="fill:{colour}">{escape(name)}</text>')
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' width="{WIDTH}" height="{HEIGHT}"><rect width="100%" height="100%" fill="#fff"/>'
        f"<style>{STYLE}</style>{''.join(body)}</svg>\n",
        encoding="utf-8",
    )


def _x(number: int, count: int) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * number / max(1, count - 1), 1)


def _y(value: float, highest: float) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / highest, 1)
