"""Why a run waits, or one slice of it."""

from dataclasses import dataclass
from enum import StrEnum

from data_manager.core.live import Live
from data_manager.core.model import Slice, SliceState
from data_manager.core.pausing import breaker_of
from data_manager.core.state import State


class WaitReason(StrEnum):
    """What something waits for; the first two do not wait."""

    OVER = "over"
    RUNNING = "running"
    CRAWLING = "crawling"
    RESERVING = "reserving"
    STREAMS = "streams"
    STORAGE_LIMIT = "storage_limit"
    NO_PLACE = "no_place"
    LOWER_SHARE = "lower_share"
    DELAY = "delay"
    UNREACHABLE = "unreachable"
    NEXT = "next"
    STORAGE_AWAY = "storage_away"


@dataclass(frozen=True)
class Explanation:
    """Why something waits: the weightiest reason first, who has what it waits for, why hosts take
    none, and when it will start, as far as is known."""

    reasons: tuple[WaitReason, ...]
    blocking: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    position: int = 0
    start_seconds: float | None = None


def explain(state: State, run_id: str, slice_: Slice | None, before: int) -> Explanation:
    """Explains a run that is not over, or a slice of it that has so many before it."""
    live = state.lives.get(run_id)
    if live is None or (slice_ is not None and slice_.state.terminal):
        return Explanation((WaitReason.OVER,))
    if slice_ is not None and slice_.state is SliceState.RUNNING:
        return Explanation((WaitReason.RUNNING,))
    if live.run.stopping is not None:
        return Explanation((WaitReason.OVER,))
    reasons = tuple(_reasons(state, live, slice_))
    start = _put_off(state, live, slice_, reasons[0])
    return Explanation(
        reasons,
        tuple(_blocking(state, live, reasons)),
        state.closed if WaitReason.NO_PLACE in reasons else (),
        before,
        _predicted(live, before) if start is None else start,
    )


def _reasons(state: State, live: Live, slice_: Slice | None) -> list[WaitReason]:
    if slice_ is None and not len(live.queue):
        if live.reserving:
            return [WaitReason.RESERVING]
        running = live.tally[SliceState.RUNNING] > 0
        crawling = not live.run.crawled and live.run.bodies == 0
        if running:
            return [WaitReason.CRAWLING] if crawling else [WaitReason.RUNNING]
    if slice_ is not None and slice_.state is SliceState.RESERVED:
        return [WaitReason.RESERVING]
    reasons: list[WaitReason] = []
    if breaker_of(state, live):
        reasons.append(WaitReason.STORAGE_AWAY)
    if _delay(state, live, slice_) is not None:
        reasons.append(WaitReason.DELAY)
    if not state.reachable:
        reasons.append(WaitReason.UNREACHABLE)
    if live.room <= 0:
        reasons.append(WaitReason.STREAMS)
    if state.storage_room(live) <= 0:
        reasons.append(WaitReason.STORAGE_LIMIT)
    if live.starved:
        others = any(other is not live and other.streams for other in state.lives.values())
        reasons.append(WaitReason.NO_PLACE)
        if others:
            reasons.append(WaitReason.LOWER_SHARE)
    if live.reserving:
        reasons.append(WaitReason.RESERVING)
    return reasons or [WaitReason.NEXT]


def _put_off(state: State, live: Live, slice_: Slice | None, reason: WaitReason) -> float | None:
    """When it is tried again, where that is known to the second."""
    if reason is WaitReason.STORAGE_AWAY and (breaker := breaker_of(state, live)):
        return max(0.0, breaker.probe_time - state.now)
    return _delay(state, live, slice_) if reason is WaitReason.DELAY else None


def _delay(state: State, live: Live, slice_: Slice | None) -> float | None:
    """How long it is put off for."""
    if slice_ is None:
        return None
    times = (t for t, _, _, slice_id in state.later if slice_id == slice_.slice_id)
    time = next(times, None)
    return None if time is None else max(0.0, time - state.now)


def _blocking(state: State, live: Live, reasons: tuple[WaitReason, ...]) -> list[str]:
    storage = live.run.request.storage
    if WaitReason.STORAGE_LIMIT in reasons:
        holders = [o for o in state.lives.values() if o.run.request.storage == storage]
    elif WaitReason.LOWER_SHARE in reasons:
        holders = list(state.lives.values())
    else:
        return []
    return sorted(o.run.run_id for o in holders if o.streams and o is not live)


def _predicted(live: Live, before: int) -> float | None:
    """When as many streams as there are now have done what comes before."""
    if live.slice_seconds is None:
        return None
    return (before + 1) * live.slice_seconds / max(1, len(live.streams))
