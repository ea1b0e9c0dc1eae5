"""What a data manager has not committed yet."""

from collections import deque

from proxy_manager.core.model import Outcome


class Outbox:
    """The outcomes for one data manager, in the order they came, kept until acknowledged.

    Its size is bounded by the sessions: each may have only so many outcomes unacknowledged.
    """

    def __init__(self) -> None:
        self._waiting: deque[Outcome] = deque()
        self._sent: deque[tuple[int, Outcome]] = deque()
        self._next_number = 1

    def __len__(self) -> int:
        return len(self._sent) + len(self._waiting)

    def put(self, outcome: Outcome) -> None:
        """Keeps an outcome; that it is new is the caller's to know."""
        self._waiting.append(outcome)

    def begin(self) -> None:
        """A new stream: its numbers start at 1, and all that is kept is sent on it."""
        self._waiting.extendleft(outcome for _, outcome in reversed(self._sent))
        self._sent.clear()
        self._next_number = 1

    def take(self, most: int, most_bytes: int) -> list[tuple[int, Outcome]]:
        """The next outcomes with their numbers on the stream; at least one, if there is any."""
        taken: list[tuple[int, Outcome]] = []
        size = 0
        while self._waiting and len(taken) < most:
            size += self._waiting[0].size_bytes
            if taken and size > most_bytes:
                break
            taken.append((self._next_number, self._waiting.popleft()))
            self._next_number += 1
        self._sent.extend(taken)
        return taken

    def acknowledge(self, through_number: int) -> dict[str, int]:
        """Drops what is committed; the number reached in each session that it was of."""
        reached: dict[str, int] = {}
        while self._sent and self._sent[0][0] <= through_number:
            _, outcome = self._sent.popleft()
            reached[outcome.session_id] = max(outcome.number, reached.get(outcome.session_id, 0))
        return reached
