"""How loaded a host is, and how many more sessions its load leaves room for."""

from dataclasses import dataclass, field
from math import exp, inf

from proxy_manager.core.rules import Rules, Threshold


@dataclass
class Gauge:
    """One load from 0 to 1, smoothed over time, with hysteresis between two thresholds."""

    threshold: Threshold
    session: float
    value: float = 0.0
    over: bool = False

    def measure(self, value: float, share: float) -> None:
        """Takes in a measurement that counts for a share of the new value."""
        self.value += (value - self.value) * share

    def judge(self, may_reopen: bool) -> None:
        """Sets or clears `over`: between the thresholds it stays what it was."""
        if self.value > self.threshold.high:
            self.over = True
        elif may_reopen and self.value < self.threshold.low:
            self.over = False

    def is_low(self, fresh: float) -> bool:
        """Whether it is below the low threshold, with so many sessions that do not show yet."""
        return self.value + fresh * self.session < self.threshold.low

    def further(self, fresh: float) -> float:
        """How many more sessions keep it from going over."""
        if self.over:
            return 0.0
        if self.threshold.high >= 1.0:
            return inf
        # A hair, so that thresholds met exactly do not depend on the order of additions.
        room = self.threshold.high + 1e-9 - self.value - fresh * self.session
        return max(0.0, room // self.session) if self.session > 0 else float(room > 0) * inf


@dataclass
class Load:
    """The load of one host.

    `fresh` counts the sessions placed of late, each fading with the time constant of the smoothing:
    as much of a session's load as the smoothed measurement does not show yet is still assumed.
    """

    rules: Rules
    cpu: Gauge = field(init=False)
    memory: Gauge = field(init=False)
    fresh: float = 0.0
    faded_time: float = 0.0
    measured_time: float | None = None
    over_time: float = 0.0
    waits_until: float | None = None

    def __post_init__(self) -> None:
        self.cpu = Gauge(self.rules.cpu, self.rules.session_cpu)
        self.memory = Gauge(self.rules.memory, self.rules.session_memory)

    @property
    def over(self) -> bool:
        """Whether cpu or memory is over."""
        return self.cpu.over or self.memory.over

    def measure(self, cpu: float, memory: float, now: float) -> None:
        """Takes in a report; the first one counts as it is."""
        share = 1.0
        if self.measured_time is not None:
            share = 1.0 - exp((self.measured_time - now) / self.rules.smoothing_seconds)
        self.measured_time = now
        was_over = self.over
        self._fade(now)
        self.cpu.measure(cpu, share)
        self.memory.measure(memory, share)
        rested = now >= self.over_time + self.rules.rest_seconds
        self.cpu.judge(rested)
        self.memory.judge(rested)
        if self.over and not was_over:
            self.over_time = now

    def place(self, now: float) -> None:
        """A session was placed: it counts before its load shows."""
        self._fade(now)
        self.fresh += 1.0
        if self.waits_until is not None and self.rules.delay_seconds is not None:
            self.waits_until = now + self.rules.delay_seconds

    def is_low(self) -> bool:
        """Whether both are below their low thresholds: such hosts are preferred."""
        return self.cpu.is_low(self.fresh) and self.memory.is_low(self.fresh)

    def further(self, now: float) -> float:
        """How many more sessions it leaves room for; infinite without a high threshold.

        With a delay a host without room takes one session whenever the delay has passed.
        """
        self._fade(now)
        room = min(self.cpu.further(self.fresh), self.memory.further(self.fresh))
        if room > 0 or self.rules.delay_seconds is None:
            self.waits_until = None
            return room
        if self.waits_until is None:
            self.waits_until = now + self.rules.delay_seconds
        return float(now >= self.waits_until)

    def _fade(self, now: float) -> None:
        if self.fresh:
            self.fresh *= exp((self.faded_time - now) / self.rules.smoothing_seconds)
        self.faded_time = now
