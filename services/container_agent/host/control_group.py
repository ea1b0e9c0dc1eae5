"""What a control group uses and may use, by either version of the kernel's interface."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
# Where version 2 lies: alone, or beside version 1.
UNIFIED = ("", "unified")
PRESSURE = Path("/proc/pressure")


@dataclass(frozen=True)
class ControlGroup:
    """A group by its path below the root. What cannot be told is None."""

    name: str
    root: Path = CGROUPS

    def cpu_seconds(self) -> float | None:
        """What it has used of processors since it began."""
        if (used := self._number("cpuacct", "cpuacct.usage")) is not None:
            return used / 1e9
        used = self._row("", "cpu.stat", "usage_usec")
        return None if used is None else used / 1e6

    def cpus(self) -> float:
        """The processors that it may use."""
        quota = self._number("cpu", "cpu.cfs_quota_us")
        period = self._number("cpu", "cpu.cfs_period_us")
        if quota is None and (said := self._words("", "cpu.max")):
            quota, period = (int(word) if word.isdigit() else -1 for word in said[:2])
        mine = float(os.cpu_count() or 1)
        return min(mine, quota / period) if quota and period and quota > 0 else mine

    def memory_bytes(self) -> int | None:
        """What it uses of memory, without what it has of files, which the kernel can drop; as the
        machine's own figure of what is available has it."""
        used = self._number("memory", "memory.usage_in_bytes")
        if used is not None:
            return used - self._of_files("memory", "total_")
        used = self._number("", "memory.current")
        return None if used is None else used - self._of_files("", "")

    def _of_files(self, controller: str, prefix: str) -> int:
        rows = (f"{prefix}{kind}_file" for kind in ("inactive", "active"))
        return sum(self._row(controller, "memory.stat", row) or 0 for row in rows)

    def memory_max_bytes(self) -> int | None:
        """What it may use of memory; None when it may use all."""
        most = self._number("memory", "memory.limit_in_bytes") or self._number("", "memory.max")
        # Version 1 says that there is no limit by a number that no machine has.
        return most if most is not None and most < 1 << 60 else None

    def pressure(self, kind: str) -> float | None:
        """The share of the last ten seconds in which something in it waited for `cpu`, `memory` or
        `io`."""
        for version in UNIFIED:
            share = _pressure(self.root / version / self.name / f"{kind}.pressure")
            if share is not None:
                return share
        return None

    def _number(self, controller: str, file: str) -> int | None:
        words = self._words(controller, file)
        return int(words[0]) if words and words[0].lstrip("-").isdigit() else None

    def _row(self, controller: str, file: str, key: str) -> int | None:
        words = self._words(controller, file)
        return int(words[words.index(key) + 1]) if key in words else None

    def _words(self, controller: str, file: str) -> list[str]:
        with suppress(OSError):
            return (self.root / controller / self.name / file).read_text().split()
        return []


def machine_pressure(kind: str, pressure: Path = PRESSURE) -> float | None:
    """The same of the whole machine."""
    return _pressure(pressure / kind)


def _pressure(file: Path) -> float | None:
    with suppress(OSError):
        for word in file.read_text().split("\n", 1)[0].split():
            if word.startswith("avg10="):
                return min(1.0, float(word.removeprefix("avg10=")) / 100)
    return None
