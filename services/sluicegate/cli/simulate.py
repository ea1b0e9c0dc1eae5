"""A planner's questions, answered in virtual time by the code that decides on the real day."""

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sluicegate.cli.failures import CommandError, UsageError
from sluicegate.cli.reporting import print_json
from sluicegate.simulation.picture import write_picture
from sluicegate.simulation.plan import (
    Forecast,
    Question,
    UnusableTimes,
    alternatives,
    drawn_times,
    foresee,
    measured_times,
)
from sluicegate.simulation.report import asset_times, compared, host_uses, lines, wait_shares


@dataclass(frozen=True)
class Past:
    """Past backups whose times are to be taken, one for each asset, and who did them."""

    server: str | None
    backup_ids: tuple[str, ...]


def slice_times(
    times: Path | None,
    past: Past,
    assets: int,
    slices: int,
    mean_seconds: float | None,
    sigma: float,
) -> tuple[tuple[float, ...], ...]:
    """What the slices of each asset take: as measured, or drawn by their mean."""
    if [times is None, not past.backup_ids, mean_seconds is None].count(False) != 1:
        raise UsageError(
            "give one of --mean, the seconds of a slice; --times, a file of them;"
            " --times-of, a past backup"
        )
    if mean_seconds is not None:
        return drawn_times(assets, slices, mean_seconds, sigma, seed=1)
    if times is None:
        return _past_times(past)
    try:
        return measured_times(times)
    except UnusableTimes as error:
        raise UsageError(str(error)) from error


def _past_times(past: Past) -> tuple[tuple[float, ...], ...]:
    if past.server is None:
        raise UsageError("--times-of needs --server, the data manager that did the backup")
    from sluicegate.cli.past_times import past_times

    return asyncio.run(past_times(past.server, past.backup_ids))


def simulate(question: Question, *, compare: bool, picture: Path | None, as_json: bool) -> None:
    """Answers a question; with `compare` also what else could be done."""
    forecast = foresee(question)
    others = [foresee(other) for other in alternatives(question)] if compare else []
    if picture is not None:
        try:
            write_picture(forecast, picture)
        except OSError as error:
            raise CommandError(f"{picture} cannot be written: {error.strerror}") from error
    if as_json:
        for each in (*others, forecast):
            print_json(as_object(each))
        return
    text: Iterator[str] = lines(forecast)
    sys.stdout.writelines(f"{line}\n" for line in text)
    if others:
        sys.stdout.write("\n")
        sys.stdout.writelines(f"{line}\n" for line in compared([forecast, *others]))


def as_object(forecast: Forecast) -> dict[str, object]:
    """A forecast for programs. Times are in seconds, shares from 0 to 1."""
    question = forecast.question
    return {
        "method": question.method,
        "order": question.order,
        "hosts": question.hosts,
        "streams": question.usable,
        "slices": sum(map(len, question.seconds)),
        "total_seconds": forecast.total_seconds,
        "least_seconds": forecast.bound_seconds,
        "use": forecast.use,
        "sessions": forecast.sessions,
        "wait_seconds": sum(forecast.drawing.waits.values()),
        "wait_shares": wait_shares(forecast),
        "host_uses": [vars(use) for use in host_uses(forecast)],
        "assets": [vars(asset) for asset in asset_times(forecast)],
    }
