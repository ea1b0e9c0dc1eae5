"""The three services as they are deployed: a process each, over TCP."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from commands import BIN, environment


@contextmanager
def service(name: str, *arguments: object, env: Mapping[str, str]) -> Iterator[str]:
    """One service in a process of its own, ready; yields the address it printed."""
    process = subprocess.Popen(
        [BIN / name, *map(str, arguments)],
        env=environment(env),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"{name} ended with {process.wait(10)} before it was ready"
        yield line.split()[-1]
    finally:
        process.terminate()
        with process:
            assert process.wait(20) == 0, f"{name} did not end well when told to stop"


@contextmanager
def host(
    directory: Path, name: str, proxies: str, sessions: int, env: Mapping[str, str]
) -> Iterator[None]:
    """A proxy host that is attached."""
    with service(
        "container-agent", "--proxy-manager", proxies, "--host-name", name,
        "--sessions-max", sessions, "--run-directory", directory / name, env=env,
    ):  # fmt: skip
        yield


@contextmanager
def apart(directory: Path, streams: int, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """The three services as they are deployed, over TCP; yields the data manager's address."""
    with spread(directory, {"host-a": streams}, env) as deployed:
        yield deployed.data


@dataclass(frozen=True)
class Deployed:
    """Where the services of a deployment are, and a stack on which more hosts may be entered."""

    directory: Path
    data: str
    proxies: str
    env: Mapping[str, str]
    stack: ExitStack

    def add_host(self, name: str, sessions: int) -> None:
        """One more proxy host, attached when this returns."""
        self.stack.enter_context(host(self.directory, name, self.proxies, sessions, self.env))


@contextmanager
def spread(
    directory: Path, hosts: Mapping[str, int], env: Mapping[str, str] | None = None
) -> Iterator[Deployed]:
    """The services over TCP, with several proxy hosts of so many sessions each."""
    env = dict(env or {})
    with ExitStack() as stack:
        enter = stack.enter_context
        proxies = enter(service("proxy-manager", "--listen", "127.0.0.1:0", env=env))
        data = enter(
            service(
                "data-manager", "--listen", "127.0.0.1:0", "--proxy-manager", proxies,
                "--database", directory / "data-manager.db", env=env,
            )
        )  # fmt: skip
        # Hosts leave before the data manager, so that what their sessions say last is committed.
        deployed = Deployed(directory, data, proxies, env, enter(ExitStack()))
        for name, sessions in hosts.items():
            deployed.add_host(name, sessions)
        yield deployed
