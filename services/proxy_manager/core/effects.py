"""What the proxy manager does about it, in the imperative."""

from dataclasses import dataclass

from proxy_manager.core.model import Answer, HostSettings


@dataclass(frozen=True)
class Create:
    """Make a container and start its agent."""

    session_id: str
    data_manager_id: str


@dataclass(frozen=True)
class Start:
    """Give a created session its work. Twice is once."""

    work: object


@dataclass(frozen=True)
class Feed:
    """Give a running session more slices. Slices it has already are not taken twice."""

    food: object


@dataclass(frozen=True)
class Drain:
    """Let a session end when no slice is left."""

    session_id: str


@dataclass(frozen=True)
class Kill:
    """End a session: asked first, killed after the grace."""

    session_id: str
    grace_seconds: float


@dataclass(frozen=True)
class Acknowledge:
    """Tell a session how far its outcomes are committed."""

    session_id: str
    through_number: int


Order = Create | Start | Feed | Drain | Kill | Acknowledge


@dataclass(frozen=True)
class TellHost:
    """Send an order on one call of a host."""

    host_name: str
    attachment: int
    order: Order


@dataclass(frozen=True)
class DropHost:
    """End one call of a host that has been silent too long."""

    host_name: str
    attachment: int


@dataclass(frozen=True)
class AnswerReservation:
    """Tell whoever reserved a session how it went."""

    session_id: str
    answer: Answer


@dataclass(frozen=True)
class DeliverOutcomes:
    """There is something to send to a data manager."""

    data_manager_id: str


@dataclass(frozen=True)
class TellOfCapacity:
    """Wake all who watch the capacity."""

    announced: bool = False


@dataclass(frozen=True)
class KeepHostSettings:
    """Keep what an operator set, before the operator is answered."""

    settings: HostSettings


Effect = (
    TellHost | DropHost | AnswerReservation | DeliverOutcomes | TellOfCapacity | KeepHostSettings
)
