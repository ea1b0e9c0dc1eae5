"""A circuit breaker: what is known of backup storage that does not do what it is asked."""

from dataclasses import dataclass

from data_manager.core.model import Failure

FIRST_WAIT_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 300.0


@dataclass
class Breaker:
    """Open from the first failure by storage until a slice is done again.

    While it is open nothing is begun but, at `probe_time`, one slice that shows how storage is;
    `probe` is that slice with its attempt. `message` says what is wrong, in one line.
    """

    failure: Failure
    message: str
    opened_time: float
    probe_time: float
    wait_seconds: float = FIRST_WAIT_SECONDS
    probe: tuple[str, int] | None = None

    def begin_probe(self, slice_id: str, attempt: int, now: float) -> None:
        """A slice is begun to see how storage is; if it is never heard of, another one is later."""
        self.probe = (slice_id, attempt)
        self.probe_time = now + self.wait_seconds

    def stay_open(self, now: float, jitter: float) -> None:
        """The probe was in vain: the next one is later, by twice as much, give or take a half."""
        self.wait_seconds = min(2 * self.wait_seconds, LONGEST_WAIT_SECONDS)
        self.probe, self.probe_time = None, now + self.wait_seconds * (1 + jitter) / 2
