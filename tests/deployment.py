"""The three services as they are deployed: a process each, over TCP."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
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
def apart(directory: Path, streams: int, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """The three services as they are deployed, over TCP; yields the data manager's address."""
    env = dict(env or {})
    with ExitStack() as stack:
        enter = stack.enter_context
        proxies = enter(service("proxy-manager", "--listen", "127.0.0.1:0", env=env))
        enter(
            service(
                "container-agent", "--proxy-manager", proxies, "--host-name", "host-a",
                "--sessions-max", streams, "--run-directory", directory / "run", env=env,
            )
        )  # fmt: skip
        yield enter(
            service(
                "data-manager", "--listen", "127.0.0.1:0", "--proxy-manager", proxies,
                "--database", directory / "data-manager.db", env=env,
            )
        )  # fmt: skip
