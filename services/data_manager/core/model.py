"""The values that the data manager decides with. All are frozen: a change is a new value."""

from dataclasses import dataclass, field
from enum import StrEnum

from data_manager.core.options import Method, Options, Overwrite


class RunKind(StrEnum):
    """What a run does."""

    BACKUP = "backup"
    RESTORE = "restore"
    VERIFY = "verify"
    MAINTENANCE = "maintenance"


class SliceKind(StrEnum):
    """What a slice's work is."""

    CRAWL = "crawl"
    COPY = "copy"
    SEAL = "seal"
    RESTORE_CRAWL = "restore_crawl"
    RESTORE = "restore"
    RESTORE_FINISH = "restore_finish"
    VERIFY = "verify"
    VERIFY_PACKS = "verify_packs"
    MAINTAIN = "maintain"


class RunState(StrEnum):
    """Where a run stands. The last four are terminal and never change."""

    RUNNING = "running"
    SEALING = "sealing"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """True when nothing follows."""
        return self not in (RunState.RUNNING, RunState.SEALING)


class SliceState(StrEnum):
    """Where a slice stands; a slice is in exactly one. The last three are terminal."""

    QUEUED = "queued"
    RESERVED = "reserved"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """True when nothing follows."""
        return self in (SliceState.DONE, SliceState.FAILED, SliceState.CANCELLED)


class SessionState(StrEnum):
    """How far a session is, as far as the data manager knows. One that is over is forgotten."""

    RESERVING = "reserving"
    INITIATING = "initiating"
    RUNNING = "running"
    DRAINING = "draining"


class Failure(StrEnum):
    """Why a slice could not be done. The class decides what follows."""

    TRANSIENT = "transient"
    SOURCE_LOST = "source_lost"
    REPOSITORY_MISSING = "repository_missing"
    REPOSITORY_VERSION = "repository_version"
    WRONG_PASSWORD = "wrong_password"
    REPOSITORY_LOCKED = "repository_locked"
    STORAGE_FULL = "storage_full"
    REPOSITORY_DAMAGED = "repository_damaged"
    NOT_FOUND = "not_found"
    SESSION_LOST = "session_lost"
    CANCELLED = "cancelled"
    TARGET_UNWRITABLE = "target_unwritable"
    INTERNAL = "internal"
    STORAGE_AWAY = "storage_away"
    OUT_OF_MEMORY = "out_of_memory"
    REFUSED = "refused"
    PROGRAM_MISSING = "program_missing"
    SLICES_LOST = "slices_lost"


class UnreadReason(StrEnum):
    """Why one file is not, or not wholly, in a backup; or what of a repository is damaged."""

    DENIED = "denied"
    VANISHED = "vanished"
    CHANGED = "changed"
    IO_ERROR = "io_error"
    SLICE_FAILED = "slice_failed"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class Position:
    """A place in a walk. The default is the origin."""

    path: bytes = b""
    offset_bytes: int = 0


@dataclass(frozen=True)
class Span:
    """The part of a walk from `start` to before `stop`; to the end when there is no stop."""

    start: Position = field(default_factory=Position)
    stop: Position | None = None


@dataclass(frozen=True)
class Cut:
    """One slice's worth of a walk, as its crawl saw it; `past_ms` is what the last backup of the
    same span took, if that is known."""

    span: Span
    bytes: int
    files: int
    past_ms: int | None = None


@dataclass(frozen=True)
class Counts:
    """What was done."""

    files: int = 0
    directories: int = 0
    others: int = 0
    seen_bytes: int = 0
    read_bytes: int = 0
    unchanged_files: int = 0
    added_bytes: int = 0
    blobs: int = 0

    def __add__(self, more: "Counts") -> "Counts":
        return Counts(
            self.files + more.files,
            self.directories + more.directories,
            self.others + more.others,
            self.seen_bytes + more.seen_bytes,
            self.read_bytes + more.read_bytes,
            self.unchanged_files + more.unchanged_files,
            self.added_bytes + more.added_bytes,
            self.blobs + more.blobs,
        )


@dataclass(frozen=True)
class UnreadFile:
    """A file that is not, or not wholly, in the backup."""

    path: bytes
    reason: UnreadReason
    detail: str


@dataclass(frozen=True)
class Request:
    """What was asked for. The same run id with another request is another run, and refused.

    `source` is the asset of a backup and `storage` the primary storage that it lies on, `snapshot`
    what a restore names, `target` and `include` where it goes and what of it.
    `excludes` and `read_policy` of a backup are for its sessions alone: messages, encoded.
    So are `verify` and `maintain`: what and how much. A restore with `dry_run` writes nothing,
    one with `drop_privileges` nothing that gives rights.
    """

    kind: RunKind
    repository: str
    asset_id: str = ""
    source: bytes = b""
    snapshot: str = ""
    target: bytes = b""
    include: bytes = b""
    storage: str = ""
    options: Options = field(default_factory=Options)
    excludes: bytes = b""
    read_policy: bytes = b""
    overwrite: Overwrite = Overwrite.ALWAYS
    dry_run: bool = False
    drop_privileges: bool = False
    verify: bytes = b""
    maintain: bytes = b""


@dataclass(frozen=True)
class Run:
    """One backup, restore, verify or maintenance.

    `stopping` is the terminal state that it will have as soon as its sessions are over. Cuts lie
    end to end up to `cut_through`; `batches` of the opening's present attempt are taken in.
    `snapshot_id` is what the opening found: the parent of a backup, what a restore restores.
    """

    run_id: str
    request: Request
    start_time_ns: int = 0
    traceparent: str = ""
    state: RunState = RunState.RUNNING
    stopping: RunState | None = None
    message: str = ""
    failure: Failure | None = None
    counts: Counts = field(default_factory=Counts)
    snapshot_id: bytes | None = None
    result_id: bytes = b""
    crawled: bool = False
    cut_through: Position | None = field(default_factory=Position)
    batches: int = 0
    bodies: int = 0
    total_bytes: int = 0
    total_files: int = 0
    unread_count: int = 0
    sessions_made: int = 0
    streams_peak: int = 0
    end_time_ns: int = 0


@dataclass(frozen=True)
class Slice:
    """One unit of work of a run.

    `turn` orders those that are queued, the lowest first. `predicted_ms` is how long it will
    take, as far as its cut tells; `took_ms` how long it took.
    """

    slice_id: str
    run_id: str
    number: int
    kind: SliceKind
    span: Span | None = None
    state: SliceState = SliceState.QUEUED
    attempt: int = 0
    failures: int = 0
    turn: int = 0
    session_id: str | None = None
    result_id: bytes = b""
    predicted_ms: int = 0
    took_ms: int = 0


@dataclass(frozen=True)
class Session:
    """Slices given to one container: those that have not ended, in the order of work.

    It was made for a run. One of the method continuous may hold slices of any run of its
    repository, and outlive the run that it was made for. One with a `hedge` does a slice a second
    time that another session holds.
    """

    session_id: str
    run_id: str
    state: SessionState
    slice_ids: tuple[str, ...]
    method: Method = Method.BATCH
    repository: str = ""
    host_name: str = ""
    hedge: str = ""
    hedge_attempt: int = 0

    @property
    def fed(self) -> bool:
        """True if it is given more while it runs."""
        return self.method is Method.CONTINUOUS


@dataclass(frozen=True)
class Task:
    """A slice with the run that says what its work is."""

    run: "Run"
    slice: Slice


@dataclass(frozen=True)
class Standing:
    """A run as people are told of it: committed, and in progress added.

    While it pauses, `paused` says what storage is at fault for, and `paused_message` in one line.
    """

    run: Run
    slices: dict[SliceState, int]
    streams: int
    unread_files: tuple[UnreadFile, ...]
    paused: Failure | None = None
    paused_message: str = ""
