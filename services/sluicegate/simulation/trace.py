"""What happened in a simulated world: a hash of it always, its lines when asked for."""

import hashlib

SHOWN = 4_000


class Trace:
    """Lines in the order of time. Two worlds of one seed have the same lines and the same hash."""

    def __init__(self, keep: bool = False) -> None:
        self.keep = keep
        self.lines: list[str] = []
        self._hash = hashlib.blake2b(digest_size=8)

    def note(self, now: float, who: str, what: str) -> None:
        """Adds a line."""
        line = f"{now:.6f} {who} {what}"
        self._hash.update(line.encode())
        if self.keep:
            self.lines.append(line)

    def tell(self, now: float, who: str, what: object) -> None:
        """Adds what only a reader wants to see, and no hash needs."""
        if self.keep:
            self.lines.append(f"{now:.6f} {who}   {str(what)[:SHOWN]}")

    @property
    def hash(self) -> str:
        """What two runs of one seed agree in."""
        return self._hash.hexdigest()
