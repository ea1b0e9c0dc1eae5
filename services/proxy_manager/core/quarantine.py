"""Hosts whose sessions fail fast: kept apart, and let back by one probe session at a time."""

from dataclasses import dataclass

from proxy_manager.core.rules import Rules


@dataclass
class Health:
    """How the latest sessions of one host began. Each session is judged once."""

    rules: Rules
    failures: int = 0
    rounds: int = 0
    until: float = 0.0
    quarantined: bool = False
    probe: str = ""

    def further(self, now: float) -> float:
        """How many more sessions it may take: any number, one probe, or none."""
        if not self.quarantined:
            return float("inf")
        return 0.0 if self.probe or now < self.until else 1.0

    def place(self, session_id: str) -> None:
        """A session was placed; in quarantine it is the probe."""
        if self.quarantined:
            self.probe = session_id

    def fail(self, session_id: str, now: float) -> None:
        """A session did not start, or died early. Those of before a quarantine say nothing new."""
        if not self.quarantined:
            self.failures += 1
            if self.failures >= self.rules.failures:
                self._begin(now)
        elif session_id == self.probe:
            self._begin(now)

    def succeed(self, session_id: str) -> None:
        """A session does what it should. In quarantine only the probe's word counts."""
        if not self.quarantined or session_id == self.probe:
            self.lift()

    def withdraw(self, session_id: str) -> None:
        """A session ends without a verdict: another one may be the probe."""
        if session_id == self.probe:
            self.probe = ""

    def lift(self) -> None:
        """Everything is forgotten."""
        self.quarantined, self.probe = False, ""
        self.failures = self.rounds = 0

    def _begin(self, now: float) -> None:
        seconds = self.rules.quarantine_seconds * 2.0 ** min(self.rounds, 30)
        self.until = now + min(seconds, self.rules.quarantine_seconds_max)
        self.quarantined, self.probe = True, ""
        self.rounds += 1
