"""How loaded this host is: as /proc says, or of a control group where that is the host."""

import time
from collections.abc import Callable
from pathlib import Path

from container_agent.host.control_group import ControlGroup, machine_pressure
from sluicegate.v1 import host_service_pb2 as pb

PROC = Path("/proc")
# The columns of /proc/stat in which a processor does nothing: idle and iowait.
IDLE = slice(3, 5)
# guest and guest_nice, the last two, are in user and nice already.
COUNTED = slice(0, 8)
WAITED_FOR = ("io", "memory")


class LoadMeter:
    """Measures the processors between two readings, and the memory at each."""

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._before = self._times()

    def read(self) -> pb.HostLoad:
        """The load since the last reading."""
        total, idle = self._times()
        total_before, idle_before = self._before
        self._before = (total, idle)
        passed = total - total_before
        cpu = 1 - (idle - idle_before) / passed if passed > 0 else 0.0
        return _load(cpu, self._memory(), self._pressure)

    def _pressure(self, kind: str) -> float | None:
        return machine_pressure(kind, self._proc / "pressure")

    def _times(self) -> tuple[int, int]:
        columns = self._proc.joinpath("stat").read_text().split("\n", 1)[0].split()[1:]
        times = [int(column) for column in columns]
        return sum(times[COUNTED]), sum(times[IDLE])

    def _memory(self) -> float:
        available, total = _memory_bytes(self._proc)
        return 1 - available / total


class GroupMeter:
    """The same of a control group: a host may be a part of a machine."""

    def __init__(self, group: ControlGroup, proc: Path = PROC) -> None:
        self._group = group
        self._proc = proc
        self._before = (time.monotonic(), group.cpu_seconds() or 0.0)

    def read(self) -> pb.HostLoad:
        """The load since the last reading, of what the group may use."""
        now, used = time.monotonic(), self._group.cpu_seconds() or 0.0
        then, used_before = self._before
        self._before = (now, used)
        cpu = (used - used_before) / (now - then) / self._group.cpus() if now > then else 0.0
        total = self._group.memory_max_bytes() or _memory_bytes(self._proc)[1]
        memory = (self._group.memory_bytes() or 0) / total
        return _load(cpu, memory, self._group.pressure)


def _memory_bytes(proc: Path) -> tuple[int, int]:
    """What is available, and what there is."""
    rows = (row.split() for row in proc.joinpath("meminfo").read_text().splitlines())
    kilobytes = {row[0]: int(row[1]) for row in rows}
    return kilobytes["MemAvailable:"] << 10, kilobytes["MemTotal:"] << 10


def _load(cpu: float, memory: float, pressure: Callable[[str], float | None]) -> pb.HostLoad:
    waited = max(pressure(kind) or 0.0 for kind in WAITED_FOR)
    return pb.HostLoad(cpu=_share(cpu), memory=_share(memory), pressure=_share(waited))


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))
