"""A simulated world: both cores, hosts, sessions, wire and clock, joined by one seed."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from data_manager.core.events import CancelAsked
from data_manager.core.model import Run, Slice
from sluicegate.simulation.agenda import Action, Agenda
from sluicegate.simulation.checks import Checks
from sluicegate.simulation.data_manager import DataManager
from sluicegate.simulation.drawing import Bar, Drawing, Stay
from sluicegate.simulation.faults import Faults
from sluicegate.simulation.host import Host
from sluicegate.simulation.program import Program
from sluicegate.simulation.proxy_manager import ProxyManager
from sluicegate.simulation.repository import Repository
from sluicegate.simulation.scenario import HostPlan, Scenario
from sluicegate.simulation.session import Session
from sluicegate.simulation.trace import Trace
from sluicegate.simulation.wire import Link, Wire
from sluicegate.simulation.workload import RunPlan

ASK_AGAIN_SECONDS = 1.0


class World:
    """All parties, and what happens next. `drawing` is who did what, if wanted."""

    def __init__(self, scenario: Scenario, keep_trace: bool = False, draw: bool = False) -> None:
        self.scenario = scenario
        self.agenda = Agenda()
        self.random = Random(scenario.seed)
        self.trace = Trace(keep_trace)
        self.checks = Checks(self, each_event=not draw)
        self.plans = {plan.run_id: plan for plan in scenario.runs}
        self.ended_runs: dict[str, Run] = {}
        self.drawing = Drawing() if draw else None
        self.faults = Faults(self)
        self.repository = Repository()
        self.wire = Wire(self.agenda, self.random, self.faults.weather())
        self.proxy = ProxyManager(self)
        self.data_managers = [DataManager(self, f"dm{n}") for n in range(scenario.data_managers)]
        self.hosts: dict[str, Host] = {}

    def begin(self) -> None:
        """Starts every party, and lets users ask for their runs."""
        self.proxy.start()
        for host in self.scenario.hosts:
            self.add_host(host)
        for data_manager in self.data_managers:
            data_manager.start()
        for number, plan in enumerate(self.scenario.runs):
            self._ask_for(plan, self.data_managers[number % len(self.data_managers)])
        self.faults.begin()

    @property
    def over(self) -> bool:
        """Whether every run has ended."""
        return len(self.ended_runs) == len(self.plans)

    @property
    def calm(self) -> bool:
        """Whether nothing goes wrong now, so that what must happen has no excuse."""
        running = all(p.alive and not p.paused for p, _ in self.programs())
        weather = self.wire.weather
        cut = any(link.cut_until > self.agenda.now for link in self.links())
        return running and not cut and not (weather.lost or weather.late)

    def add_host(self, plan: HostPlan) -> Host:
        """A new host, which dials at once."""
        host = Host(self, plan)
        self.hosts[host.name] = host
        host.start()
        return host

    def ended(self, data_manager: DataManager, run: Run) -> None:
        """A run is over, and committed to be so."""
        self.ended_runs[run.run_id] = run
        self.trace.note(self.agenda.now, data_manager.name, f"{run.run_id} {run.state}")
        self.checks.ended(run, data_manager.store.slices[run.run_id])

    @property
    def held(self) -> bool:
        """Whether a session holds backup storage by its lock, which dies with it."""
        return any(
            session.started and not session.gone
            for host in self.hosts.values()
            for session in host.sessions.values()
        )

    def drawn(self, session: Session, slice_: Slice, since: float, done: bool) -> None:
        """A session worked on a slice until now."""
        if self.drawing is not None:
            host_name, session_id = session.host.name, session.session_id
            bar = Bar(host_name, session_id, slice_, since, self.agenda.now, done)
            self.drawing.bars.append(bar)

    def gone(self, session: Session) -> None:
        """A session's container is gone now."""
        if self.drawing is not None:
            host_name, session_id = session.host.name, session.session_id
            stay = Stay(host_name, session_id, session.ordered, session.born_at, self.agenda.now)
            self.drawing.stays.append(stay)

    def links(self) -> Iterator[Link]:
        """All that lies between two programs."""
        yield from (data_manager.link for data_manager in self.data_managers)
        yield from (host.link for host in self.hosts.values())

    def programs(self) -> Iterator[tuple[Program, Action]]:
        """All programs that are meant to run, and how each is started."""
        yield self.proxy.program, self.proxy.start
        yield from ((each.program, each.start) for each in self.data_managers)
        yield from ((h.program, h.start) for h in self.hosts.values() if not h.removed)

    def _ask_for(self, plan: RunPlan, data_manager: DataManager) -> None:
        def begin() -> None:
            if plan.run_id not in data_manager.store.runs:
                data_manager.begin(Run(plan.run_id, plan.request))
                self.agenda.after(ASK_AGAIN_SECONDS, begin)

        self.agenda.at(plan.begin_time, begin)
        if plan.cancel_time is not None:
            self.agenda.at(plan.cancel_time, lambda: data_manager.submit(CancelAsked(plan.run_id)))
