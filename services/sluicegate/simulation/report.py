"""A forecast in words and figures: how long, how full, where the time of each host went."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from data_manager.core.explaining import WaitReason
from sluicegate.simulation.drawing import Bar, Stay
from sluicegate.simulation.plan import Forecast, Question

# So many hosts, and assets, are told of one by one.
SHOWN = 20
# What slices wait for, in words, where nothing goes wrong.
WAITS: dict[str, str] = {
    WaitReason.RESERVING: "for its container to start",
    WaitReason.STREAMS: "for a stream of its backup",
    WaitReason.NO_PLACE: "for a place on a host",
    WaitReason.RUNNING: "for others of its backup",
    WaitReason.NEXT: "for the next round",
}


@dataclass(frozen=True)
class HostUse:
    """Where the time of a host's places went, as shares of it that add up to 1."""

    host_name: str
    working: float
    starting: float
    between: float
    empty: float


@dataclass(frozen=True)
class AssetTimes:
    """How an asset fared, in seconds from the beginning."""

    asset_id: str
    slices: int
    first_stream: float
    last_slice: float


def host_uses(forecast: Forecast) -> list[HostUse]:
    """Each host's time: work on slices, containers that start, sessions between slices, nothing."""
    total = forecast.total_seconds * forecast.question.sessions_max
    hosts = forecast.question.hosts if forecast.drawing.stays else 0
    names = [f"host-{number + 1}" for number in range(hosts)]
    bars: dict[str, list[Bar]] = {name: [] for name in names}
    stays: dict[str, list[Stay]] = {name: [] for name in names}
    for bar in forecast.drawing.bars:
        bars[bar.host_name].append(bar)
    for stay in forecast.drawing.stays:
        stays[stay.host_name].append(stay)
    return [_host_use(name, total, bars[name], stays[name]) for name in names]


def _host_use(name: str, total: float, bars: Sequence[Bar], stays: Sequence[Stay]) -> HostUse:
    working = sum(bar.stop - bar.start for bar in bars) / total
    starting = sum(stay.born - stay.ordered for stay in stays) / total
    there = sum(stay.gone - stay.born for stay in stays) / total
    return HostUse(
        name, working, starting, max(0.0, there - working), max(0.0, 1 - there - starting)
    )


def asset_times(forecast: Forecast) -> list[AssetTimes]:
    """How each asset fared."""
    bars: dict[str, list[Bar]] = {}
    for bar in forecast.drawing.bars:
        if bar.slice.number > 0:
            bars.setdefault(bar.slice.run_id, []).append(bar)
    return [
        AssetTimes(
            asset_id,
            len({bar.slice.slice_id for bar in found}),
            min(bar.start for bar in found),
            max(bar.stop for bar in found),
        )
        for asset_id, found in sorted(bars.items(), key=lambda item: _number(item[0]))
    ]


def lines(forecast: Forecast) -> Iterator[str]:
    """The report."""
    question = forecast.question
    slices = sum(map(len, question.seconds))
    yield (
        f"{question.method}, {question.order}: {len(question.seconds):,} assets, {slices:,} slices"
        f" in all, on {question.hosts:,} hosts of {question.sessions_max:,} places"
    )
    ratio = forecast.total_seconds / forecast.bound_seconds if forecast.bound_seconds else 1.0
    yield (
        f"  takes {span(forecast.total_seconds)}, {ratio:.2f} times the least possible"
        f" ({span(forecast.bound_seconds)}); {question.usable} streams are {forecast.use:.0%} full"
    )
    yield f"  {forecast.sessions:,} sessions"
    yield from _waits(forecast)
    if uses := host_uses(forecast):
        yield ""
        yield f"  {'host':12} {'working':>8} {'starting':>9} {'between':>8} {'empty':>6}"
        for use in uses[:SHOWN]:
            yield (
                f"  {use.host_name:12} {use.working:8.0%} {use.starting:9.0%}"
                f" {use.between:8.0%} {use.empty:6.0%}"
            )
        yield from _more(len(uses))
    if assets := asset_times(forecast):
        yield ""
        yield f"  {'asset':12} {'slices':>8} {'first stream':>13} {'last slice':>11}"
        for asset in assets[:SHOWN]:
            yield (
                f"  {asset.asset_id:12} {asset.slices:8,} {span(asset.first_stream):>13}"
                f" {span(asset.last_slice):>11}"
            )
        yield from _more(len(assets))


def wait_shares(forecast: Forecast) -> dict[str, float]:
    """What slices waited for, as shares of all their waiting; the largest first."""
    waits = forecast.drawing.waits
    total = sum(waits.values())
    return {str(of): seconds / total for of, seconds in sorted(waits.items(), key=_by_seconds)}


def _by_seconds(item: tuple[str, float]) -> tuple[float, str]:
    return -item[1], item[0]


def _waits(forecast: Forecast) -> Iterator[str]:
    """One line: how long a slice waits in the mean, and what for."""
    shares = wait_shares(forecast)
    if not shares:
        return
    mean = sum(forecast.drawing.waits.values()) / sum(map(len, forecast.question.seconds))
    told = (f"{share:.0%} {WAITS.get(of, of)}" for of, share in shares.items() if share >= 0.005)
    yield f"  a slice waits {span(mean)} in the mean: {', '.join(told)}"


def compared(forecasts: Sequence[Forecast]) -> Iterator[str]:
    """Several answers below one another."""
    yield (
        f"{'method':12} {'order':13} {'hosts':>5} {'streams':>7} {'time':>9} {'least':>9}"
        f" {'ratio':>6} {'use':>5} {'sessions':>8}"
    )
    for forecast in forecasts:
        question: Question = forecast.question
        ratio = forecast.total_seconds / forecast.bound_seconds if forecast.bound_seconds else 1.0
        yield (
            f"{question.method:12} {question.order:13} {question.hosts:5} {question.usable:7}"
            f" {span(forecast.total_seconds):>9} {span(forecast.bound_seconds):>9}"
            f" {ratio:6.2f} {forecast.use:5.0%} {forecast.sessions:8,}"
        )


def span(seconds: float) -> str:
    """A time for people: 0.52 s, 12.3 s, 4:05, 2:04:05."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _more(count: int) -> Iterator[str]:
    if count > SHOWN:
        yield f"  … and {count - SHOWN:,} more, which --json tells of"


def _number(asset_id: str) -> int:
    return int(asset_id.rpartition("-")[2])
