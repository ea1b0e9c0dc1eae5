"""The sessions of one repository that are fed and want more."""

from dataclasses import dataclass, field

from data_manager.core.model import Session


@dataclass
class Hunger:
    """Those that have nothing, since when, the longest first; and those with too little ahead."""

    idle: dict[str, float] = field(default_factory=dict)
    ahead: dict[str, None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.idle or self.ahead)

    def add(self, session: Session, now: float) -> None:
        """The session wants more, from now on."""
        self.remove(session.session_id)
        if session.slice_ids:
            self.ahead[session.session_id] = None
        else:
            self.idle[session.session_id] = now

    def remove(self, session_id: str) -> None:
        """The session wants nothing, or is over."""
        self.idle.pop(session_id, None)
        self.ahead.pop(session_id, None)
