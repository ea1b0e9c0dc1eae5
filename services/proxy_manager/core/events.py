"""What happens to the proxy manager, in the past tense."""

from collections.abc import Mapping

from msgspec import Struct

from proxy_manager.core.model import HostedSession, Outcome


class HostAttached(Struct, frozen=True):
    """A host introduced itself; `attachment` tells its calls apart."""

    host_name: str
    attachment: int
    sessions_max: int
    sessions: tuple[HostedSession, ...] = ()


class HostHeard(Struct, frozen=True):
    """A host said something that matters to nobody but its lease."""

    host_name: str
    attachment: int


class HostLoaded(Struct, frozen=True):
    """A host measured its load."""

    host_name: str
    attachment: int
    cpu: float
    memory: float
    pressure: float = 0.0
    # All that it said; only operators look at it.
    said: object = None


class SessionCreated(Struct, frozen=True):
    """The container of a session exists and answers."""

    host_name: str
    attachment: int
    session_id: str


class SessionStartFailed(Struct, frozen=True):
    """The container of a session could not be started; nothing of it is left."""

    host_name: str
    attachment: int
    session_id: str
    message: str


class OutcomesRelayed(Struct, frozen=True):
    """Sessions of a host had something to say."""

    host_name: str
    attachment: int
    outcomes: tuple[Outcome, ...]


class SessionGone(Struct, frozen=True):
    """The container of a session is confirmed gone."""

    host_name: str
    attachment: int
    session_id: str


class HostLeft(Struct, frozen=True):
    """A host said goodbye: it takes no more, and ends its sessions."""

    host_name: str
    attachment: int


class HostDetached(Struct, frozen=True):
    """The call of a host ended."""

    host_name: str
    attachment: int


class ReservationAsked(Struct, frozen=True):
    """A data manager wants places; some of its sessions are to avoid some hosts."""

    data_manager_id: str
    session_ids: tuple[str, ...]
    avoid: Mapping[str, frozenset[str]] = {}


class ReservationReleased(Struct, frozen=True):
    """Places will not be used."""

    session_ids: tuple[str, ...]


class InitiationAsked(Struct, frozen=True):
    """A held session is to begin its work."""

    session_id: str
    work: object


class FeedAsked(Struct, frozen=True):
    """A running session is to get more slices."""

    session_id: str
    food: object
    slice_ids: frozenset[str]


class DrainAsked(Struct, frozen=True):
    """A session is to end when no slice is left for it."""

    session_id: str


class CancelAsked(Struct, frozen=True):
    """A session is to stop."""

    session_id: str


class DataManagerAttached(Struct, frozen=True):
    """A data manager opened its stream, and named the sessions it believes to be alive."""

    data_manager_id: str
    session_ids: tuple[str, ...]


class OutcomesAcknowledged(Struct, frozen=True):
    """A data manager has committed what came on its stream, up to a number."""

    data_manager_id: str
    through_number: int


class CapacityAnnounced(Struct, frozen=True):
    """An administrator says that capacity was added."""


class HostLimitAsked(Struct, frozen=True):
    """An operator says how many sessions a host takes; 0 is what it says itself."""

    host_name: str
    sessions_max: int


class HostDrainAsked(Struct, frozen=True):
    """An operator wants a host to take no more sessions, and to end those it has."""

    host_name: str


class HostResumeAsked(Struct, frozen=True):
    """An operator wants a host to take sessions again."""

    host_name: str


class HostRemovalAsked(Struct, frozen=True):
    """An operator says that a host will not be back."""

    host_name: str


class TimePassed(Struct, frozen=True):
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
OperatorEvent = HostLimitAsked | HostDrainAsked | HostResumeAsked | HostRemovalAsked
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
