"""What a simulated world is made of, and how a seed chooses it."""

from dataclasses import dataclass, field
from random import Random

from data_manager.core.model import Request, RunKind
from data_manager.core.options import Method, Options, QueuePolicy, SliceOrder
from data_manager.core.queues import WINDOW_SLICES
from proxy_manager.core.model import Times
from proxy_manager.core.rules import Policy, Rules, Threshold
from sluicegate.simulation.workload import RunPlan, lognormal

KINDS = [RunKind.BACKUP] * 6 + [RunKind.RESTORE] * 2 + [RunKind.VERIFY]


@dataclass(frozen=True)
class HostPlan:
    """A proxy host: its places, how long its containers take to start, what each adds to cpu, and
    how many times longer than elsewhere slices take on it."""

    host_name: str
    sessions_max: int
    start_seconds: float = 0.1
    start_sigma: float = 0.0
    load_each: float = 0.02
    slowness: float = 1.0


@dataclass(frozen=True)
class FaultPlan:
    """What goes wrong until `until`, and how much: shares from 0 to 1, the rest in seconds."""

    until: float = 0.0
    every_seconds: float = 5.0
    kinds: tuple[str, ...] = ()
    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    late_seconds: float = 10.0
    slices_failing: float = 0.0
    files_unread: float = 0.0
    sessions_dying: float = 0.0
    starts_failing: float = 0.0
    starts_slow: float = 0.0


@dataclass(frozen=True)
class Scenario:
    """A whole world, before anything has happened in it.

    Hosts tell of their load every `load_seconds`, which also shows that they are there.
    """

    seed: int
    hosts: tuple[HostPlan, ...]
    runs: tuple[RunPlan, ...]
    faults: FaultPlan = field(default_factory=FaultPlan)
    rules: Rules = field(default_factory=Rules)
    policy: QueuePolicy = QueuePolicy.FAIR
    window_slices: int = WINDOW_SLICES
    data_managers: int = 1
    latency_seconds: float = 0.001
    commit_seconds: float = 0.001
    tick_seconds: float = 1.0
    load_seconds: float = 2.0
    times: Times = field(default_factory=Times)


def draw(seed: int) -> Scenario:
    """The world of a seed: small, so that many can be tried; one in eight without faults."""
    random = Random(seed)
    hosts = tuple(_draw_host(random, number) for number in range(random.randint(1, 4)))
    runs = tuple(_draw_run(random, number) for number in range(random.choice((1, 1, 2, 2, 3))))
    return Scenario(
        seed,
        hosts,
        runs,
        _draw_faults(random) if seed % 8 else FaultPlan(),
        _draw_rules(random),
        random.choice(list(QueuePolicy)),
        random.choice((2, 4, 10, WINDOW_SLICES)),
        data_managers=random.choice((1, 1, 1, 2)) if len(runs) > 1 else 1,
        latency_seconds=random.choice((0.0005, 0.005, 0.05)),
        commit_seconds=random.choice((0.0005, 0.005, 0.05)),
    )


def _draw_host(random: Random, number: int) -> HostPlan:
    return HostPlan(
        f"h{number}",
        sessions_max=random.choice((1, 1, 2, 3, 4, 8)),
        start_seconds=random.choice((0.02, 0.2, 1.0)),
        start_sigma=random.choice((0.0, 0.5)),
        load_each=random.choice((0.01, 0.05, 0.2)),
    )


def _draw_rules(random: Random) -> Rules:
    return Rules(
        random.choice((Policy.SPREAD, Policy.PACK)),
        random.choice((Threshold(), Threshold(0.8, 0.6))),
        random.choice((Threshold(), Threshold(0.6, 0.4))),
        rest_seconds=random.choice((2.0, 30.0)),
        delay_seconds=random.choice((None, None, 2.0)),
    )


def _draw_run(random: Random, number: int) -> RunPlan:
    kind = random.choice(KINDS)
    slices = 0 if kind is RunKind.VERIFY else random.choice((0, 1, 3, 8, 16, 24, 40))
    mean = random.choice((0.05, 0.5, 2.0))
    sigma = random.choice((0.0, 0.5, 1.2))
    options = Options(
        streams=random.choice((1, 2, 3, 5, 8)),
        slices_per_session=random.choice((1, 2, 3, 8)),
        method=random.choice(list(Method)),
        order=random.choice(list(SliceOrder)),
        weight=random.choice((1, 1, 3)),
        priority=random.choice((0, 0, 5)),
        hedge=random.random() < 0.3,
    )
    request = Request(
        kind,
        random.choice(("/repo", "/repo", "/other")),
        f"a{number}",
        b"/asset" if kind is RunKind.BACKUP else b"",
        storage=random.choice(("", "nas")),
        options=options,
    )
    return RunPlan(
        f"r{number}",
        request,
        tuple(lognormal(random, mean, sigma) for _ in range(slices)),
        begin_time=random.choice((0.0, 0.0, random.random() * 10)),
        opening_seconds=random.choice((0.05, 0.5, 3.0)),
        closing_seconds=random.choice((0.05, 1.0)),
        cuts_per_batch=random.choice((1, 3, 10, 100)),
        cancel_time=random.random() * 20 if random.random() < 0.05 else None,
    )


FAULT_KINDS = (
    "kill_host",
    "pause_host",
    "cut_off_host",
    "break_line",
    "kill_session",
    "kill_data_manager",
    "pause_data_manager",
    "kill_proxy_manager",
    "pause_proxy_manager",
    "cut_data_manager",
    "slow_host",
    "strain_host",
    "add_host",
    "remove_host",
    "leave_host",
    "announce",
    "drain_host",
    "limit_host",
    "limit_storage",
    "storage_away",
    "forget_host",
    "prune",
)


def _draw_faults(random: Random) -> FaultPlan:
    """Some kinds at once, so that each also meets the others; never all of them."""
    kinds = tuple(kind for kind in FAULT_KINDS if random.random() < 0.3)

    def share(most: float) -> float:
        return random.random() * most if random.random() < 0.4 else 0.0

    return FaultPlan(
        until=random.choice((5.0, 20.0, 40.0)),
        every_seconds=random.choice((0.5, 2.0, 6.0)),
        kinds=kinds,
        lost=share(0.3),
        doubled=share(0.4),
        late=share(0.3),
        late_seconds=random.choice((0.5, 5.0, 40.0)),
        slices_failing=share(random.choice((0.1, 0.7))),
        files_unread=share(0.3),
        sessions_dying=share(0.2),
        starts_failing=share(0.3),
        starts_slow=share(0.1),
    )
