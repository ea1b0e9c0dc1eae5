"""What goes wrong in a simulated world, by the seed, until all is healed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from data_manager.core.events import StorageLimited
from data_manager.core.model import Failure, Slice, UnreadFile, UnreadReason
from proxy_manager.core.events import (
    CapacityAnnounced,
    HostDrainAsked,
    HostLimitAsked,
    HostResumeAsked,
)
from sluicegate.simulation.agenda import Action
from sluicegate.simulation.scenario import HostPlan
from sluicegate.simulation.wire import Weather

if TYPE_CHECKING:
    from sluicegate.simulation.data_manager import DataManager
    from sluicegate.simulation.host import Host
    from sluicegate.simulation.session import Session
    from sluicegate.simulation.world import World

PASSING = (Failure.TRANSIENT, Failure.INTERNAL, Failure.REPOSITORY_LOCKED, Failure.CANCELLED)
# Of the slices that fail, so many fail their run.
FATAL = 0.02
SPANS = (0.2, 1.0, 4.0, 12.0, 20.0)
LONGER_THAN_A_START = 25.0
HOSTS_MAX = 6
SLOWEST = 10.0
# How long a prune waits for locks, and between two looks.
PRUNE_SECONDS = 20.0
PRUNE_AGAIN_SECONDS = 0.2
# A little more than the lease of a host.
FORGOTTEN_SECONDS = 16.5


class Faults:
    """The faults of a world. After `heal` there are no more, and what they did is undone.

    `last_time` is when the last one began or ended.
    """

    def __init__(self, world: World) -> None:
        self.plan = world.scenario.faults
        self.healed = not self.plan.until
        self.last_time = 0.0
        self._world = world
        self._random = world.random
        self._away_until = 0.0

    def begin(self) -> None:
        """Lets it begin."""
        if self.healed:
            return
        self._world.agenda.at(self.plan.until, self.heal)
        if self.plan.kinds:
            self._next()

    def weather(self) -> Weather:
        """The wire's weather by the plan, or a fine day."""
        latency = self._world.scenario.latency_seconds
        if self.healed:
            return Weather(latency)
        plan = self.plan
        return Weather(latency, plan.lost, plan.doubled, plan.late, plan.late_seconds)

    def of_slice(self, session: Session, slice_: Slice) -> Failure | None:
        """How an attempt will fail, if it will."""
        if self.healed:
            return None
        if self._world.agenda.now < self._away_until:
            return Failure.STORAGE_AWAY
        chance = self._random.random()
        if chance < self.plan.slices_failing * FATAL:
            return Failure.WRONG_PASSWORD
        if chance < self.plan.slices_failing:
            return self._random.choice(PASSING)
        if self._random.random() < self.plan.sessions_dying:
            return Failure.SESSION_LOST
        return None

    def unread(self) -> tuple[UnreadFile, ...]:
        """The files that a slice could not read."""
        if self.healed or self._random.random() >= self.plan.files_unread:
            return ()
        return (UnreadFile(b"file", UnreadReason.DENIED, "it is denied"),)

    def of_start(self, host: Host) -> tuple[bool, float]:
        """Whether a container cannot be made, and how much longer it takes than usual."""
        if self.healed:
            return False, 0.0
        slow = self._random.random() < self.plan.starts_slow
        fails = self._random.random() < self.plan.starts_failing
        return fails, self._random.random() * LONGER_THAN_A_START if slow else 0.0

    def heal(self) -> None:
        """Everything runs, and every message comes through."""
        world = self._world
        if self.healed:
            return
        self.healed, self.last_time = True, world.agenda.now
        world.trace.note(world.agenda.now, "faults", "healed")
        world.wire.weather = self.weather()
        for link in world.links():
            link.cut_until = 0.0
        for program, start in world.programs():
            if program.paused:
                program.resume()
            elif not program.alive:
                start()
        for host in world.hosts.values():
            host.slowness, host.strain = host.plan.slowness, 0.0
            if host.name in world.proxy.settings:
                world.proxy.operate(HostResumeAsked(host.name))
                world.proxy.operate(HostLimitAsked(host.name, 0))

    def _next(self) -> None:
        seconds = self._random.expovariate(1 / self.plan.every_seconds)
        self._world.agenda.after(seconds, self._strike)

    def _strike(self) -> None:
        if self.healed:
            return
        kind = self._random.choice(self.plan.kinds)
        self.last_time = self._world.agenda.now
        what = getattr(self, f"_{kind}")()
        self._world.trace.note(self._world.agenda.now, "faults", f"{kind} {what or ''}")
        self._next()

    def _host(self) -> Host:
        return self._random.choice(list(self._world.hosts.values()))

    def _later(self, action: Action) -> None:
        """Undoes something after a while, if healing has not done so."""
        seconds = self._random.choice(SPANS) * (0.5 + self._random.random())

        def undo() -> None:
            if not self.healed:
                self.last_time = self._world.agenda.now
                action()

        self._world.agenda.after(seconds, undo)

    def _restarted(self, start: Action, alive: Callable[[], bool]) -> None:
        self._later(lambda: None if alive() else start())

    def _kill_host(self) -> str:
        host = self._host()
        host.kill()
        self._restarted(host.start, lambda: host.program.alive)
        return host.name

    def _pause_host(self) -> str:
        host = self._host()
        host.program.pause()
        self._later(host.program.resume)
        return host.name

    def _cut_off_host(self) -> str:
        host = self._host()
        host.link.cut_until = self._world.agenda.now + self._random.choice(SPANS)
        if self._random.random() < 0.5 and host.line is not None:
            host.line.snap()
        return host.name

    def _forget_host(self) -> str:
        """A host is away until it counts as lost, and comes back to a proxy manager that was
        started anew and knows nothing of that, before its data manager does."""
        host, world = self._host(), self._world
        host.link.cut_until = world.agenda.now + FORGOTTEN_SECONDS + 3 * self._random.random()
        world.agenda.after(FORGOTTEN_SECONDS, lambda: None if self.healed else self._anew())
        return host.name

    def _anew(self) -> None:
        self.last_time = self._world.agenda.now
        self._world.proxy.kill()
        self._world.proxy.start()
        for data_manager in self._world.data_managers:
            data_manager.link.cut_until = self.last_time + 5.0

    def _break_line(self) -> str:
        host = self._host()
        if host.line is not None:
            host.line.snap(at_once=self._random.random() < 0.5)
        return host.name

    def _kill_session(self) -> str:
        host = self._host()
        sessions = [session for session in host.sessions.values() if not session.gone]
        if not sessions or not host.program.alive:
            return ""
        session = self._random.choice(sessions)
        session.die()
        return session.session_id

    def _slow_host(self) -> str:
        host = self._host()
        host.slowness = self._random.choice((1.0, 3.0, SLOWEST))
        return host.name

    def _strain_host(self) -> str:
        host = self._host()
        host.strain = self._random.choice((0.0, 0.0, 0.5, 1.0))
        return f"{host.name} {host.strain}"

    def _add_host(self) -> str:
        if len(self._world.hosts) >= HOSTS_MAX:
            return ""
        plan = HostPlan(f"h{len(self._world.hosts)}", self._random.choice((1, 2, 4)))
        return self._world.add_host(plan).name

    def _remove_host(self) -> str:
        """For good, if another is left."""
        host = self._host()
        others = [h for h in self._world.hosts.values() if h is not host and not h.removed]
        if not others:
            return ""
        host.removed = True
        host.kill()
        return host.name

    def _leave_host(self) -> str:
        host = self._host()
        if host.program.alive and not host.program.paused:
            host.leave()
            self._restarted(host.start, lambda: host.program.alive)
        return host.name

    def _announce(self) -> None:
        self._world.proxy.operate(CapacityAnnounced())

    def _drain_host(self) -> str:
        host = self._host()
        self._world.proxy.operate(HostDrainAsked(host.name))
        self._later(lambda: self._world.proxy.operate(HostResumeAsked(host.name)))
        return host.name

    def _limit_host(self) -> str:
        host, limit = self._host(), self._random.randint(0, 5)
        host.most = max(host.most, limit)
        self._world.proxy.operate(HostLimitAsked(host.name, limit))
        return f"{host.name} {limit}"

    def _storage_away(self) -> str:
        """Backup storage does nothing for a while: what begins then fails."""
        self._away_until = self._world.agenda.now + self._random.choice(SPANS)
        return f"until {self._away_until:.1f}"

    def _prune(self) -> None:
        """Somebody outside prunes backup storage as soon as no session holds it, or gives up."""
        self._prune_by(self._world.agenda.now + PRUNE_SECONDS)

    def _prune_by(self, time: float) -> None:
        if self.healed:
            return
        now = self._world.agenda.now
        if not self._world.held:
            taken = self._world.repository.prune()
            self._world.trace.note(now, "faults", f"pruned {taken}")
        elif now < time:
            self._world.agenda.after(PRUNE_AGAIN_SECONDS, lambda: self._prune_by(time))

    def _limit_storage(self) -> str:
        data_manager, streams = self._data_manager(), self._random.randint(0, 3)
        data_manager.submit(StorageLimited("nas", streams))
        return f"{data_manager.name} {streams}"

    def _data_manager(self) -> DataManager:
        return self._random.choice(self._world.data_managers)

    def _kill_data_manager(self) -> str:
        data_manager = self._data_manager()
        data_manager.kill()
        self._restarted(data_manager.start, lambda: data_manager.program.alive)
        return data_manager.name

    def _pause_data_manager(self) -> str:
        data_manager = self._data_manager()
        data_manager.program.pause()
        self._later(data_manager.program.resume)
        return data_manager.name

    def _cut_data_manager(self) -> str:
        data_manager = self._data_manager()
        data_manager.link.cut_until = self._world.agenda.now + self._random.choice(SPANS)
        return data_manager.name

    def _kill_proxy_manager(self) -> None:
        proxy = self._world.proxy
        proxy.kill()
        self._restarted(proxy.start, lambda: proxy.program.alive)

    def _pause_proxy_manager(self) -> None:
        self._world.proxy.program.pause()
        self._later(self._world.proxy.program.resume)
