"""What happens to the proxy manager, in the past tense."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy_manager.core.model import HostedSession, Outcome


@dataclass(frozen=True)
class HostAttached:
    """A host introduced itself; `attachment` tells its calls apart."""

    host_name: str
    attachment: int
    sessions_max: int
    sessions: tuple[HostedSession, ...] = ()


@dataclass(frozen=True)
class HostHeard:
    """A host said something that matters to nobody but its lease."""

    host_name: str
    attachment: int


@dataclass(frozen=True)
class HostLoaded:
    """A host measured its load."""

    host_name: str
    attachment: int
    cpu: float
    memory: float


@dataclass(frozen=True)
class SessionCreated:
    """The container of a session exists and answers."""

    host_name: str
    attachment: int
    session_id: str


@dataclass(frozen=True)
class SessionStartFailed:
    """The container of a session could not be started; nothing of it is left."""

    host_name: str
    attachment: int
    session_id: str
    message: str


@dataclass(frozen=True)
class OutcomesRelayed:
    """Sessions of a host had something to say."""

    host_name: str
    attachment: int
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class SessionGone:
    """The container of a session is confirmed gone."""

    host_name: str
    attachment: int
    session_id: str


@dataclass(frozen=True)
class HostLeft:
    """A host said goodbye: it takes no more, and ends its sessions."""

    host_name: str
    attachment: int


@dataclass(frozen=True)
class HostDetached:
    """The call of a host ended."""

    host_name: str
    attachment: int


@dataclass(frozen=True)
class ReservationAsked:
    """A data manager wants places; some of its sessions are to avoid some hosts."""

    data_manager_id: str
    session_ids: tuple[str, ...]
    avoid: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class ReservationReleased:
    """Places will not be used."""

    session_ids: tuple[str, ...]


@dataclass(frozen=True)
class InitiationAsked:
    """A held session is to begin its work."""

    session_id: str
    work: object


@dataclass(frozen=True)
class FeedAsked:
    """A running session is to get more slices."""

    session_id: str
    food: object
    slice_ids: frozenset[str]


@dataclass(frozen=True)
class DrainAsked:
    """A session is to end when no slice is left for it."""

    session_id: str


@dataclass(frozen=True)
class CancelAsked:
    """A session is to stop."""

    session_id: str


@dataclass(frozen=True)
class DataManagerAttached:
    """A data manager opened its stream, and named the sessions it believes to be alive."""

    data_manager_id: str
    session_ids: tuple[str, ...]


@dataclass(frozen=True)
class OutcomesAcknowledged:
    """A data manager has committed what came on its stream, up to a number."""

    data_manager_id: str
    through_number: int


@dataclass(frozen=True)
class CapacityAnnounced:
    """An administrator says that capacity was added."""


@dataclass(frozen=True)
class HostLimitAsked:
    """An operator says how many sessions a host takes; 0 is what it says itself."""

    host_name: str
    sessions_max: int


@dataclass(frozen=True)
class HostDrainAsked:
    """An operator wants a host to take no more sessions, and to end those it has."""

    host_name: str


@dataclass(frozen=True)
class HostResumeAsked:
    """An operator wants a host to take sessions again."""

    host_name: str


@dataclass(frozen=True)
class TimePassed:
    """Nothing happened; what has a deadline is looked at."""


HostEvent = (
    HostHeard
    | HostLoaded
    | SessionCreated
    | SessionStartFailed
    | OutcomesRelayed
    | SessionGone
    | HostLeft
    | HostDetached
)
OperatorEvent = HostLimitAsked | HostDrainAsked | HostResumeAsked
Event = (
    HostEvent
    | OperatorEvent
    | HostAttached
    | ReservationAsked
    | ReservationReleased
    | InitiationAsked
    | FeedAsked
    | DrainAsked
    | CancelAsked
    | DataManagerAttached
    | OutcomesAcknowledged
    | CapacityAnnounced
    | TimePassed
)
