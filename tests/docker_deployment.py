"""The three services with hosts whose sessions are containers, each on an engine of its own."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from commands import BIN, environment, sluicegate
from deployment import service
from engines import IMAGE, Host
from sluicegate.v1 import proxy_manager_service_pb2 as pb
from sluicegate.v1.proxy_manager_service_pb2_grpc import ProxyManagerServiceStub


@dataclass
class Agent:
    """A host's container agent, in the network of its host."""

    host: Host
    command: list[str]
    process: subprocess.Popen | None = None

    def start(self) -> None:
        """Returns when it is attached."""
        self.process = subprocess.Popen(
            self.command, env=environment(), stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert "attached" in self.process.stdout.readline(), f"{self.host.name} does not attach"

    def kill(self) -> None:
        """As if the kernel had run out of patience."""
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(40)
            self.process.kill()
            self.process.wait()
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()


def agent_of(host: Host, proxies: str, directory: Path, *options: object) -> Agent:
    """The agent of a host, not yet started."""
    command = host.inside(
        BIN / "container-agent", "--proxy-manager", proxies, "--host-name", host.name,
        "--run-directory", directory / f"run-{host.name}", "--image", IMAGE,
        "--engine", host.socket, "--cgroup-parent", f"/{host.group}", "--cgroup", host.group,
        *options,
    )  # fmt: skip
    return Agent(host, command)


@dataclass
class Deployment:
    """Where the services are, and what there is to break."""

    data: str
    proxies: str
    asset: Path
    repository: Path
    target: Path
    agents: dict[str, Agent] = field(default_factory=dict)

    def capacity(self) -> dict[str, pb.HostCapacity]:
        with grpc.insecure_channel(self.proxies) as channel:
            stub = ProxyManagerServiceStub(channel)
            return {
                host.host_name: host
                for host in stub.Capacity(pb.CapacityRequest(), timeout=10).hosts
            }

    @contextmanager
    def stub(self) -> Iterator[ProxyManagerServiceStub]:
        with grpc.insecure_channel(self.proxies) as channel:
            yield ProxyManagerServiceStub(channel)

    @contextmanager
    def backup(self, *options: object) -> Iterator[subprocess.Popen]:
        """A backup that runs during the block, and is over well at its end."""
        words = ("backup", self.asset, "--repo", self.repository, "--server", self.data, "--json")
        process = subprocess.Popen(
            [BIN / "sluicegate", *map(str, (*words, *options))],
            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            yield process
        except BaseException:
            process.kill()
            process.communicate()
            raise

    def init(self) -> None:
        sluicegate("init", "--repo", self.repository)


def finished(process: subprocess.Popen, seconds: float = 180) -> dict:
    """What a backup's last line says, once it has ended well."""
    said, errors = process.communicate(timeout=seconds)
    assert process.returncode == 0, f"{process.returncode}: {said[-2000:]}\n{errors[-2000:]}"
    return json.loads(said.splitlines()[-1])


def until(condition: Callable[[], object], seconds: float = 30.0, what: str = "") -> float:
    """Polls for a condition, with a deadline; how long it took."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - begun


@contextmanager
def deployed(
    directory: Path,
    hosts: list[Host],
    sessions: int = 3,
    proxies_options: tuple[object, ...] = (),
    host_options: Mapping[str, tuple[object, ...]] | None = None,
    asset: Path | None = None,
    restores: bool = True,
) -> Iterator[Deployment]:
    """The services on this machine, an agent in each host's network."""
    asset = asset or directory / "asset"
    repository, target = directory / "repository", directory / "target"
    for path in (repository, target):
        path.mkdir(parents=True, exist_ok=True)
    listen = f"{hosts[0].network.address}:0"
    with ExitStack() as stack:
        proxies = stack.enter_context(
            service("proxy-manager", "--listen", listen, *proxies_options, env={})
        )
        data = stack.enter_context(
            service(
                "data-manager", "--listen", "127.0.0.1:0", "--proxy-manager", proxies,
                "--database", directory / "data-manager.db", env={},
            )
        )  # fmt: skip
        made = Deployment(data, proxies, asset, repository, target)
        for host in hosts:
            options = (host_options or {}).get(host.name, ())
            agent = made.agents[host.name] = agent_of(
                host, proxies, directory, "--sessions-max", sessions, "--primary", asset,
                "--repository", repository, *(("--restore", target) if restores else ()), *options,
            )  # fmt: skip
            stack.callback(agent.stop)
            agent.start()
        yield made
