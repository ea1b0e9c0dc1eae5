"""The values that the proxy manager decides with.

They are Structs, as events and effects are: a command defines all of them before it does anything,
and a frozen dataclass takes half a millisecond for that, fifty times as long.
"""

from enum import Enum, auto

from msgspec import Struct

# The number of an end that is made here for a session: nothing comes after it, whatever the
# session said before this proxy manager knew it.
LAST_NUMBER = 2**63 - 1


class Times(Struct, frozen=True):
    """How long things may take, in seconds of the monotonic clock."""

    start_seconds: float = 20.0
    hold_seconds: float = 30.0
    lease_seconds: float = 15.0
    grace_seconds: float = 10.0
    forget_seconds: float = 3600.0


class Reason(Enum):
    """Why a session gets no place, or a host takes none."""

    NO_HOST = auto()
    NO_PLACE = auto()
    START_FAILED = auto()
    HOST_LOST = auto()
    OVER_THRESHOLD = auto()
    HOST_DRAINING = auto()
    QUARANTINED = auto()


class Granted(Struct, frozen=True):
    """A place is held, with a container that answers behind it, until a time."""

    host_name: str
    until: float


class Declined(Struct, frozen=True):
    """There is no place."""

    reason: Reason
    message: str


Answer = Granted | Declined


class SessionLost(Struct, frozen=True):
    """The body of an end that no session sent: its container is lost, or was never known."""

    message: str


class Outcome(Struct, frozen=True):
    """One thing that happened in a session; what it says is not looked into here.

    `ends_slice` names the slice that ended, `fails_slice` says that it failed. `loses_session` says
    of a session's end that the session died.
    """

    session_id: str
    number: int
    body: object
    size_bytes: int = 0
    ends_slice: str = ""
    ends_session: bool = False
    fails_slice: bool = False
    loses_session: bool = False


class HostedSession(Struct, frozen=True):
    """A session that a host has when it attaches."""

    session_id: str
    data_manager_id: str
    started: bool
    gone: bool


class HostSettings(Struct, frozen=True):
    """What an operator set for a host. A limit of 0 is what the host says itself."""

    host_name: str
    sessions_max: int = 0
    draining: bool = False


class HostCapacity(Struct, frozen=True):
    """One host as it is now. `free` sessions could start on it."""

    host_name: str
    sessions_max: int
    running: int
    held: int
    ending: int
    cpu: float
    memory: float
    closed: Reason | None
    oldest_hold_seconds: float
    free: int = 0
    draining: bool = False
    quarantine_seconds: float = 0.0
    pressure: float = 0.0


class HostState(Enum):
    """How a host stands to the proxy manager."""

    ATTACHED = auto()
    LEAVING = auto()
    SILENT = auto()
    LOST = auto()
    AWAY = auto()


class KnownHost(Struct, frozen=True):
    """A host as an operator sees it: `offered` places by its own word, and the `limit` that was
    set for it, or 0. Nothing has been heard of it for so many seconds; `said` is the last."""

    capacity: HostCapacity
    state: HostState
    offered: int
    limit: int
    silent_seconds: float
    said: object = None


class HostSession(Struct, frozen=True):
    """A session that has a place on a host, and for how long it has been at that stage."""

    session_id: str
    data_manager_id: str
    stage: str
    seconds: float


class Capacity(Struct, frozen=True):
    """Sessions that could start now: advice, never a promise."""

    sessions: int
    hosts: tuple[HostCapacity, ...]
    revision: int


class ReservationLapsed(Exception):
    """No place is held for the session any more."""


class SessionUnknown(Exception):
    """No such session runs."""


class HostUnknown(Exception):
    """No host of this name ever attached."""


class HostPresent(Exception):
    """The host is attached, or not yet counted as lost."""
