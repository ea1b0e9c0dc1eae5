"""How loaded this host is, from /proc."""

from pathlib import Path

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
        memory, pressure = self._memory(), max(map(self._pressure, WAITED_FOR))
        return pb.HostLoad(cpu=_share(cpu), memory=_share(memory), pressure=_share(pressure))

    def _times(self) -> tuple[int, int]:
        columns = self._proc.joinpath("stat").read_text().split("\n", 1)[0].split()[1:]
        times = [int(column) for column in columns]
        return sum(times[COUNTED]), sum(times[IDLE])

    def _memory(self) -> float:
        rows = (row.split() for row in self._proc.joinpath("meminfo").read_text().splitlines())
        kilobytes = {row[0]: int(row[1]) for row in rows}
        return 1 - kilobytes["MemAvailable:"] / kilobytes["MemTotal:"]

    def _pressure(self, of: str) -> float:
        """How much of the last ten seconds something waited; 0 where the kernel does not tell."""
        try:
            some = self._proc.joinpath("pressure", of).read_text().split("\n", 1)[0]
        except OSError:
            return 0.0
        told = dict(word.split("=") for word in some.split()[1:])
        return float(told["avg10"]) / 100


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))
