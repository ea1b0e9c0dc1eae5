"""deploy/compose.yaml on an engine of this machine, with images that no registry is needed for."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import session_image
from commands import BIN
from engines import Host, Network, run
from object_stores.seaweed import free_ports

HERE = Path(__file__).parents[2]
BASE = "sluicegate-base:test"
SEAWEED = "sluicegate-seaweedfs:test"
# Jaeger is in no package; where it would listen nobody is told.
SERVICES = ("proxy-manager", "data-manager", "host-1", "host-2", "seaweedfs", "prepare")
SECONDS = 300


class Machine(Host):
    """An engine in this machine's own network, to which it adds bridges and nothing else."""

    def inside(self, *command: object) -> list[str]:
        return list(map(str, command))

    def make_network(self) -> None:
        pass

    def network_options(self) -> tuple[str, ...]:
        pool = f"base=10.{97 + os.getpid() % 100}.0.0/16,size=24"
        return ("--bridge=none", "--iptables=false", "--default-address-pool", pool)


class Composed:
    """The deployment, and the commands that README.md beside it has."""

    def __init__(self, engine: Host, directory: Path) -> None:
        self.engine = engine
        self.env = directory / "env"
        password = directory / "password"
        password.write_text("correct horse")
        data, proxies = free_ports(2)
        self.env.write_text(
            "".join(
                f"{name}={value}\n"
                for name, value in {
                    "AWS_ACCESS_KEY_ID": "sluicegate",
                    "AWS_SECRET_ACCESS_KEY": "not-the-example",
                    "BASE_IMAGE": BASE,
                    "SEAWEEDFS_IMAGE": SEAWEED,
                    "OTEL_EXPORTER_OTLP_ENDPOINT": "",
                    "SLUICEGATE_PASSWORD_SOURCE": password,
                    "SLUICEGATE_RUN": directory / "run",
                    "SLUICEGATE_DATA_MANAGER_PORT": data,
                    "SLUICEGATE_PROXY_MANAGER_PORT": proxies,
                    "DOCKER_SOCKET": engine.socket.removeprefix("unix://"),
                }.items()
            )
        )

    def compose(self, *words: object, code: int = 0) -> str:
        """What docker-compose prints."""
        done = subprocess.run(
            ["docker-compose", "--env-file", self.env, "-p", "sluicegate",
             "-f", HERE / "deploy/compose.yaml", *map(str, words)],
            env={**os.environ, "DOCKER_HOST": self.engine.socket},
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{words}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    def sluicegate(self, *words: object, code: int = 0) -> str:
        """The command, in a container of its own."""
        return self.compose("run", "--rm", "-T", "sluicegate", *words, code=code)

    def volume(self, name: str) -> Path:
        """Where a volume's files are on this machine."""
        return self.engine.directory / "root/volumes" / name / "_data"


@contextmanager
def machine(directory: Path) -> Iterator[Host]:
    """The engine, with the images that compose.yaml would pull, and the one that it would build."""
    engine = Machine("m", 1, Network(f"sgc{os.getpid() % 100000}", ""), directory / "e")
    try:
        engine.make()
        engine.start_engine()
        base = directory / "base.tar"
        session_image.build_base(base)
        engine.docker("import", "-c", "ENV PATH=/usr/local/bin:/bin", base, BASE)
        import_program(engine, SEAWEED, BIN / "weed", directory)
        # In this machine's network, as its engine has none that leads out.
        run("docker", "-H", engine.socket, "build", "--quiet", "--network", "host",
            "--build-arg", f"BASE_IMAGE={BASE}",
            "-f", HERE / "deploy/Dockerfile", "-t", "sluicegate", HERE)  # fmt: skip
        yield engine
    finally:
        engine.remove()


def import_program(engine: Host, image: str, program: Path, directory: Path) -> None:
    """An image of one program that needs nothing else."""
    root, archive = directory / "root", directory / "root.tar"
    for name in ("tmp", "data", "etc"):
        (root / name).mkdir(parents=True)
    shutil.copy2(program, root)
    run("tar", "-C", root, "-cf", archive, ".")
    engine.docker("import", "-c", f'ENTRYPOINT ["/{program.name}"]', archive, image)
    shutil.rmtree(root)
    archive.unlink()


def state(composed: Composed, *services: str) -> Mapping[str, str]:
    """How the containers of services are."""
    return {
        service: composed.engine.docker(
            "inspect", "-f", "{{.State.Status}}", composed.compose("ps", "-q", service).strip()
        ).strip()
        for service in services
    }
