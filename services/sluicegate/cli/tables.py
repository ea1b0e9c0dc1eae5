"""Tables for people, as `docker` and `kubectl` print them."""

import os
import sys
from collections.abc import Mapping, Sequence

import click

NOTHING: Mapping[str, str] = {}


def print_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], colours: Mapping[str, str] = NOTHING
) -> None:
    """Prints a table; without rows only its head.

    On a terminal the cells of the column `state` have the colour that `colours` has for their
    text, unless NO_COLOR is set. Cells are shown as they are: what a stranger chose is to be made
    printable before.
    """
    coloured = colours if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else NOTHING
    print("\n".join(lines([[name.upper() for name in head], *rows], head, coloured)))


def lines(
    rows: Sequence[Sequence[str]], head: Sequence[str], colours: Mapping[str, str] = NOTHING
) -> list[str]:
    """The lines of a table, with two spaces between its columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_cells(row, widths, head, colours)).rstrip() for row in rows]


def _cells(
    row: Sequence[str], widths: Sequence[int], head: Sequence[str], colours: Mapping[str, str]
) -> list[str]:
    return [
        _coloured(cell, width, colours if name == "state" else NOTHING)
        for cell, width, name in zip(row, widths, head, strict=True)
    ]


def _coloured(cell: str, width: int, colours: Mapping[str, str]) -> str:
    padded = cell.ljust(width)
    return click.style(padded, fg=colours[cell]) if cell in colours else padded
