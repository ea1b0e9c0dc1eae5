"""What the proxy manager does about it, in the imperative."""

from msgspec import Struct

from proxy_manager.core.model import Answer, HostSettings


class Create(Struct, frozen=True):
    """Make a container and start its agent."""

    session_id: str
    data_manager_id: str


class Start(Struct, frozen=True):
    """Give a created session its work. Twice is once."""

    work: object


class Feed(Struct, frozen=True):
    """Give a running session more slices. Slices it has already are not taken twice."""

    food: object


class Drain(Struct, frozen=True):
    """Let a session end when no slice is left."""

    session_id: str


class Kill(Struct, frozen=True):
    """End a session: asked first, killed after the grace."""

    session_id: str
    grace_seconds: float


class Acknowledge(Struct, frozen=True):
    """Tell a session how far its outcomes are committed."""

    session_id: str
    through_number: int


Order = Create | Start | Feed | Drain | Kill | Acknowledge


class TellHost(Struct, frozen=True):
    """Send an order on one call of a host."""

    host_name: str
    attachment: int
    order: Order


class DropHost(Struct, frozen=True):
    """End one call of a host that has been silent too long."""

    host_name: str
    attachment: int


class AnswerReservation(Struct, frozen=True):
    """Tell whoever reserved a session how it went."""

    session_id: str
    answer: Answer


class DeliverOutcomes(Struct, frozen=True):
    """There is something to send to a data manager."""

    data_manager_id: str


class TellOfCapacity(Struct, frozen=True):
    """Wake all who watch the capacity."""

    announced: bool = False


class KeepHostSettings(Struct, frozen=True):
    """Keep what an operator set, before the operator is answered."""

    settings: HostSettings


class ForgetHostSettings(Struct, frozen=True):
    """Forget what an operator set for a host, before the operator is answered."""

    host_name: str


Effect = (
    TellHost
    | DropHost
    | AnswerReservation
    | DeliverOutcomes
    | TellOfCapacity
    | KeepHostSettings
    | ForgetHostSettings
)
