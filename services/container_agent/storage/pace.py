"""How fast primary storage may be read: a backup is not to be felt by those who work on it."""

# Shorter waits are not worth a system call; they add up.
LEAST_SECONDS = 0.005


class Pace:
    """At most so many bytes a second. What was not read in time is not made up for, so there are
    no bursts. `now` is of any clock that does not jump."""

    def __init__(self, bytes_per_second: int, now: float) -> None:
        self._seconds_a_byte = 1 / bytes_per_second
        self._due_time = now

    def pause_seconds(self, size_bytes: int, now: float) -> float:
        """How long to wait after so much was read; 0 where it is hardly anything."""
        self._due_time = max(self._due_time, now - LEAST_SECONDS)
        self._due_time += size_bytes * self._seconds_a_byte
        waits = self._due_time - now
        return waits if waits >= LEAST_SECONDS else 0.0
