"""Slices as rows of the database, and back. There are millions: a row is a tuple, in the order of
the table's columns."""

from collections.abc import Sequence
from typing import Any

from data_manager.core.kinds import CLOSING_NUMBER, closing_name, run_of, slice_id
from data_manager.core.model import Position, Slice, SliceKind, SliceState, Span

# Looked up, as an enum is slow to make and to name.
KINDS = {kind.value: kind for kind in SliceKind}
STATES = {state.value: state for state in SliceState}
KIND_NAMES = {kind: name for name, kind in KINDS.items()}
NO_NUMBER = -(2**63)
STATE_NAMES = {state: name for name, state in STATES.items()}


def slice_key(name: str) -> tuple[str, int]:
    """The run and the number that a slice's name says; a number that no slice has if it is none."""
    number = name.rpartition(":")[2]
    if number == closing_name(CLOSING_NUMBER):
        return run_of(name), CLOSING_NUMBER
    sign, digits = (-1, number[5:]) if number.startswith("close") else (1, number)
    if digits.isascii() and digits.isdigit() and len(digits) < 19:
        return run_of(name), sign * int(digits)
    return run_of(name), NO_NUMBER


def slice_row(slice_: Slice) -> tuple[object, ...]:
    """A slice as it is stored."""
    start_path = start_offset = stop_path = stop_offset = None
    if (span := slice_.span) is not None:
        start_path, start_offset = span.start.path, span.start.offset_bytes
        if span.stop is not None:
            stop_path, stop_offset = span.stop.path, span.stop.offset_bytes
    return (
        slice_.run_id,
        slice_.number,
        KIND_NAMES[slice_.kind],
        start_path,
        start_offset,
        stop_path,
        stop_offset,
        STATE_NAMES[slice_.state],
        slice_.attempt,
        slice_.failures,
        slice_.turn,
        slice_.session_id,
        slice_.result_id,
        slice_.predicted_ms,
        slice_.took_ms,
    )


def slice_of_row(row: Sequence[Any]) -> Slice:
    """A stored slice."""
    (
        run_id, number, kind, start_path, start_offset, stop_path, stop_offset,
        state, attempt, failures, turn, session_id, result_id, predicted_ms, took_ms,
    ) = row  # fmt: skip
    span = None
    if start_path is not None:
        stop = None if stop_path is None else Position(stop_path, stop_offset)
        span = Span(Position(start_path, start_offset), stop)
    return Slice(
        slice_id(run_id, number),
        run_id,
        number,
        KINDS[kind],
        span,
        STATES[state],
        attempt,
        failures,
        turn,
        session_id,
        result_id,
        predicted_ms,
        took_ms,
    )
