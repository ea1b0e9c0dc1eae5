"""Proxy hosts for tests: each a network namespace with a container engine of its own.

An engine's containers lie in control groups of its own too, so that one host can be loaded and
limited without the other.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
CONTROLLERS = ("cpu", "cpuacct", "memory", "pids", "blkio", "freezer", "cpuset", "devices")
START_SECONDS = 40.0
# The path of an engine's socket has to be short.
HOME = Path("/tmp")
PREFIX = "sluicegate-engines-"
IMAGE = "sluicegate-session:test"


def run(*command: object, check: bool = True) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


@dataclass
class Network:
    """The bridge that the hosts hang on; this machine is on it too."""

    name: str
    prefix: str

    @property
    def address(self) -> str:
        return f"{self.prefix}.1"


def network_of(pid: int) -> Network:
    """The network of a test run: no two that are alive have the same."""
    return Network(f"sg{pid % 1000000}", f"10.{200 + pid // 250 % 50}.{pid % 250}")


@contextmanager
def network() -> Iterator[Network]:
    made = network_of(os.getpid())
    run("ip", "link", "add", made.name, "type", "bridge")
    try:
        run("ip", "addr", "add", f"{made.address}/24", "dev", made.name)
        run("ip", "link", "set", made.name, "up")
        yield made
    finally:
        run("ip", "link", "del", made.name, check=False)


@dataclass
class Host:
    """A network namespace, control groups and an engine, which may be killed and started again."""

    name: str
    number: int
    network: Network
    directory: Path
    engine: subprocess.Popen | None = None

    @property
    def address(self) -> str:
        return f"{self.network.prefix}.{10 + self.number}"

    @property
    def socket(self) -> str:
        return f"unix://{self.directory}/docker.sock"

    @property
    def group(self) -> str:
        """The name of its control groups and of its namespace."""
        return f"{self.network.name}h{self.number}"

    def inside(self, *command: object) -> list[str]:
        """A command as it runs in the host's network. `ip netns exec` would hide control groups."""
        return ["nsenter", f"--net=/run/netns/{self.group}", *map(str, command)]

    def docker(self, *words: object, check: bool = True) -> str:
        """What `docker` says of this host's engine."""
        return run("docker", "-H", self.socket, *words, check=check)

    def containers(self) -> list[str]:
        """The names of the containers that Sluicegate has on it, whether they run or not."""
        return self.docker(
            "ps", "-a", "--filter", "label=sluicegate.host", "--format", "{{.Names}}"
        ).split()

    def inspect(self, name: str) -> dict:
        return json.loads(self.docker("inspect", name))[0]

    @contextmanager
    def events(self) -> Iterator[list[str]]:
        """What happens to its containers during the block, once that is over."""
        listening = subprocess.Popen(
            ["docker", "-H", self.socket, "events", "--filter", "type=container", "--format",
             "{{.Action}}"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        seen: list[str] = []
        try:
            yield seen
        finally:
            listening.terminate()
            seen += listening.communicate()[0].split("\n")

    def make(self) -> None:
        self.directory.mkdir()
        self.make_network()
        for controller in CONTROLLERS:
            (CGROUPS / controller / self.group).mkdir()
        for file in ("cpuset.cpus", "cpuset.mems"):
            whole = (CGROUPS / "cpuset" / file).read_text()
            (CGROUPS / "cpuset" / self.group / file).write_text(whole)

    def make_network(self) -> None:
        run("ip", "netns", "add", self.group)
        run("ip", "link", "add", f"v{self.group}", "type", "veth", "peer", "name", "eth0",
            "netns", self.group)  # fmt: skip
        run("ip", "link", "set", f"v{self.group}", "master", self.network.name, "up")
        run("ip", "-n", self.group, "addr", "add", f"{self.address}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            run("ip", "-n", self.group, "link", "set", device, "up")

    def network_options(self) -> tuple[str, ...]:
        """How its engine's own network is."""
        return ("--bip", f"172.{29 + self.number}.0.1/16")

    def start_engine(self, *options: str) -> None:
        """Starts the engine and waits for it."""
        for stale in ("docker.pid", "exec/containerd/containerd.pid"):
            (self.directory / stale).unlink(missing_ok=True)
        with (self.directory / "dockerd.log").open("ab") as said:
            self.engine = subprocess.Popen(
                self.inside(
                    "dockerd", "--data-root", self.directory / "root", "--exec-root",
                    self.directory / "exec", "--pidfile", self.directory / "docker.pid",
                    "-H", self.socket, "--cgroup-parent", f"/{self.group}", "--live-restore",
                    *self.network_options(), "--log-level", "warn", *options,
                ),
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            log = self.directory / "dockerd.log"
            assert self.engine.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < deadline, "the engine does not answer"
            time.sleep(0.05)

    def kill_engine(self) -> None:
        """Kills the engine, and what it is made of but not the containers."""
        assert self.engine is not None
        self.engine.kill()
        self.engine.wait()
        for pid in self._processes("containerd --config"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while self._processes("containerd --config"):
            assert time.monotonic() < deadline, "its containerd does not end"
            time.sleep(0.05)

    def load(self, archive: Path) -> None:
        """Imports a root file system as the image of sessions."""
        self.docker("import", "-c", "ENV PATH=/usr/local/bin:/bin",
            "-c", "ENV PYTHONDONTWRITEBYTECODE=1", archive, IMAGE)  # fmt: skip

    def empty_image(self) -> str:
        """An image in which there is nothing that could be started."""
        nothing = self.directory / "nothing.tar"
        run("tar", "-cf", nothing, "-T", "/dev/null")
        return self.docker("import", nothing).strip()

    def cut_off(self, *directions: str) -> None:
        """Drops what comes in (INPUT), or goes out (OUTPUT), or both."""
        for chain in directions:
            run(*self.inside("iptables", "-I", chain, "-i" if chain == "INPUT" else "-o", "eth0",
                             "-j", "DROP"))  # fmt: skip

    def heal(self) -> None:
        run(*self.inside("iptables", "-F"))

    def remove(self) -> None:
        """Ends everything, whatever state it is in."""
        for pid in self._in_groups():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.engine is not None and self.engine.poll() is None:
            self.engine.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.engine.wait(15)
            self.engine.kill()
            self.engine.wait()
        for pid in self._processes(""):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted(
            (m for m in mounts if m.startswith(f"{self.directory}/")), reverse=True
        ):
            run("umount", "-l", mount, check=False)
        run("ip", "netns", "del", self.group, check=False)
        run("ip", "link", "del", f"v{self.group}", check=False)
        for controller in (*CONTROLLERS, "unified", "systemd"):
            top = CGROUPS / controller / self.group
            for group in sorted(top.rglob("*/"), reverse=True) if top.exists() else ():
                with suppress(OSError):
                    group.rmdir()
            with suppress(OSError):
                top.rmdir()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _answers(self) -> bool:
        done = subprocess.run(["docker", "-H", self.socket, "version"], capture_output=True)
        return done.returncode == 0

    def _in_groups(self) -> list[int]:
        top = CGROUPS / "pids" / self.group
        return [int(pid) for file in top.rglob("cgroup.procs") for pid in file.read_text().split()]

    def _processes(self, words: str) -> list[int]:
        """This engine's own programs: they name its directory."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                if f"{self.directory}/exec".encode() in command and words.encode() in command:
                    found.append(int(process.name))
        return found


@contextmanager
def hosts(archive: Path, names: Sequence[str]) -> Iterator[list[Host]]:
    """Proxy hosts with their engines up and the image in them."""
    _clear_away()
    directory = HOME / f"{PREFIX}{os.getpid()}"
    directory.mkdir(mode=0o700)
    made: list[Host] = []
    with network() as shared:
        try:
            for number, name in enumerate(names, 1):
                made.append(Host(name, number, shared, directory / name))
                made[-1].make()
            for host in made:
                host.start_engine()
                host.load(archive)
            yield made
        finally:
            for host in made:
                host.remove()
            directory.rmdir()


def _clear_away() -> None:
    """What test runs that were killed have left."""
    for left in HOME.glob(f"{PREFIX}*"):
        pid = int(left.name.removeprefix(PREFIX))
        if Path(f"/proc/{pid}").exists():
            continue
        shared = network_of(pid)
        for number, directory in enumerate(sorted(left.iterdir()), 1):
            Host(directory.name, number, shared, directory).remove()
        run("ip", "link", "del", shared.name, check=False)
        left.rmdir()
