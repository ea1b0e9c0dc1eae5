"""How an operator says what the containers of a host are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from container_agent.host.container_plan import (
    MEMORY_BYTES,
    MEMORY_BYTES_MIN,
    PIDS,
    ContainerPlan,
    Limits,
)
from container_agent.host.engine import Engine
from container_agent.host.mounts import check_mounts, parse_mount
from sluicegate.rpc.options import option

WHERE = "unix:///var/run/docker.sock"
# What object stores take as credentials, and what says where traces go.
FOR_SESSIONS = ("AWS_", "AZURE_", "GOOGLE_", "OTEL_")


@dataclass(frozen=True)
class ContainerSettings:
    """What an operator says; nothing of it is checked yet."""

    image: str
    engine: str = WHERE
    primary: tuple[str, ...] = ()
    repository: tuple[str, ...] = ()
    restore: tuple[str, ...] = ()
    network: str = "none"
    warm_sessions: int = 0
    session_memory_mib: int = MEMORY_BYTES >> 20
    session_cpus: float = 0.0
    session_pids: int = PIDS
    cgroup_parent: str = ""


def engine_and_plan(
    settings: ContainerSettings, host_name: str, cache: Path | None = None
) -> tuple[Engine, ContainerPlan]:
    """The engine, and what it is to make. MountRefused, or EngineFailed when it does not answer or
    has no such image."""
    # Takes time to load, which a command that runs without containers has not.
    from container_agent.host.docker_engine import DockerEngine

    mounts = check_mounts(
        (
            *(parse_mount(said, read_only=True) for said in settings.primary),
            *(parse_mount(said, read_only=False) for said in settings.repository),
            *(parse_mount(said, read_only=False, restores=True) for said in settings.restore),
        )
    )
    engine = DockerEngine(host_name, settings.engine)
    limits = Limits(settings.session_memory_mib << 20, settings.session_cpus, settings.session_pids)
    plan = ContainerPlan(
        host_name,
        engine.image_id(settings.image),
        mounts,
        settings.network,
        limits,
        settings.cgroup_parent,
        cache,
    )
    return engine, plan


def for_sessions(environment: Mapping[str, str]) -> dict[str, str]:
    """What of this program's environment its sessions are told, each for itself."""
    return {name: value for name, value in environment.items() if name.startswith(FOR_SESSIONS)}


def container_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a host whose sessions run in containers; ContainerSettings has their names."""
    for add in reversed(OPTIONS):
        command = add(command)
    return command


def settings_of(said: Mapping[str, Any]) -> ContainerSettings | None:
    """What the options say; None where no image is named. UsageError for options that mean nothing
    without one."""
    if said["image"]:
        return ContainerSettings(**said)
    without = ContainerSettings("")
    for name, value in said.items():
        if name != "image" and value != getattr(without, name):
            raise click.UsageError(
                f"--{name.replace('_', '-')} is for sessions in containers: give --image too"
            )
    return None


def _several(name: str, variable: str, text: str) -> Callable[..., Any]:
    # In a variable they are separated as paths are, by white space.
    return option(name, multiple=True, metavar="MOUNT", envvar=variable, help=text)


OPTIONS = (
    option(
        "--image",
        default="",
        show_default=False,
        envvar="SLUICEGATE_IMAGE",
        help="Runs each session in a container of this image. Without it they are processes.",
    ),
    option(
        "--engine",
        default=WHERE,
        envvar="SLUICEGATE_ENGINE",
        help="The socket of the container engine of this host.",
    ),
    _several(
        "--primary",
        "SLUICEGATE_PRIMARY",
        "What sessions may read: /PATH, /PATH:/INSIDE or VOLUME:/INSIDE. May be given several"
        " times.",
    ),
    _several(
        "--repository",
        "SLUICEGATE_REPOSITORY",
        "Where sessions write backups, given as --primary is. Leave it out for object stores.",
    ),
    _several(
        "--restore",
        "SLUICEGATE_RESTORE",
        "Where sessions may restore to, given as --primary is. They may then set owners and modes.",
    ),
    option(
        "--network",
        default="none",
        envvar="SLUICEGATE_NETWORK",
        help="The engine's network by which object stores are reached.",
    ),
    option(
        "--warm-sessions",
        type=click.IntRange(0, 1000),
        default=0,
        envvar="SLUICEGATE_WARM_SESSIONS",
        help="Containers that are kept ready ahead of sessions.",
    ),
    option(
        "--session-memory-mib",
        type=click.IntRange(MEMORY_BYTES_MIN >> 20),
        default=MEMORY_BYTES >> 20,
        envvar="SLUICEGATE_SESSION_MEMORY_MIB",
        help="What a session may take of memory.",
    ),
    option(
        "--session-cpus",
        type=click.FloatRange(0.0),
        default=0.0,
        envvar="SLUICEGATE_SESSION_CPUS",
        help="What it may take of processors; 0 is all.",
    ),
    option(
        "--session-pids",
        type=click.IntRange(16),
        default=PIDS,
        envvar="SLUICEGATE_SESSION_PIDS",
        help="How many threads and processes it may be.",
    ),
    option(
        "--cgroup-parent",
        default="",
        show_default=False,
        envvar="SLUICEGATE_CGROUP_PARENT",
        help="The control group in which their own lie; the engine's default if none is given.",
    ),
)
