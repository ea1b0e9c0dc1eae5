"""What a session's container is: the whole of what this host ever asks of its engine.

Whoever holds an engine's socket is root on its host. So nothing that comes over the wire has a say
in what a container may do: it is named by this host, and made from these fields alone.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from container_agent.host.mounts import Mount, with_submounts
from container_agent.host.parent_program import MEMORY

MEMORY_BYTES = 512 << 20
MEMORY_BYTES_MIN = 16 << 20
PIDS = 128
SCRATCH_BYTES = 64 << 20
LOG_BYTES = 1 << 20
# Inside a container: where it hears who it is, and where its host agent's socket lies.
BIRTH = "/run/sluicegate/birth"
SOCKET_DIRECTORY = "/run/sluicegate/agent"
# And what it shares with the other sessions of its host, if there is a cache.
CACHE_DIRECTORY = "/run/sluicegate/cache"
COMMAND = ("python3", "-P", "-m", "container_agent.session.alone", BIRTH)
# To read files of every owner and mode. And what a restore takes: to write them as they were.
READING = ("DAC_READ_SEARCH",)
RESTORING = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP")
LABEL_HOST = "sluicegate.host"


@dataclass(frozen=True)
class Limits:
    """What one session may take of its host. Processors may be a fraction; 0 are all."""

    memory_bytes: int = MEMORY_BYTES
    cpus: float = 0.0
    pids: int = PIDS


@dataclass(frozen=True)
class ContainerPlan:
    """What the sessions of this host are made from; `image` is an id, which names one content.

    `network` is an engine's network by which backup storage is reached, `none` where it is mounted.
    """

    host_name: str
    image: str
    mounts: tuple[Mount, ...] = ()
    network: str = "none"
    limits: Limits = Limits()
    cgroup_parent: str = ""
    cache: Path | None = None

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The least that its sessions need: a host that takes no restores gives none for them."""
        restores = any(mount.restores for mount in self.mounts)
        return (*READING, *(RESTORING if restores else ()))

    def fields(self, door: Path, socket: Path) -> dict[str, object]:
        """A container as the engine's API takes it (`POST /containers/create`), without its name.

        `door` is the named pipe on which it hears who it is, `socket` its host agent's.
        """
        return {
            "Image": self.image,
            "Entrypoint": list(COMMAND),
            "Hostname": self.host_name[:63],
            "User": "0:0",
            "WorkingDir": "/",
            "Env": [f"{key}={value}" for key, value in environment().items()],
            "Labels": {LABEL_HOST: self.host_name},
            "NetworkDisabled": self.network == "none",
            "HostConfig": self._host_config(door, socket),
        }

    def _host_config(self, door: Path, socket: Path) -> dict[str, object]:
        own = [
            Mount(os.fspath(door), BIRTH, read_only=True),
            Mount(os.fspath(socket.parent), SOCKET_DIRECTORY, read_only=True),
        ]
        if self.cache is not None:
            own.append(Mount(os.fspath(self.cache), CACHE_DIRECTORY, read_only=False))
        return {
            "Mounts": [mount.fields() for mount in (*with_submounts(self.mounts), *own)],
            "ReadonlyRootfs": True,
            "Tmpfs": {"/tmp": f"rw,noexec,nosuid,nodev,mode=1777,size={SCRATCH_BYTES}"},
            "CapDrop": ["ALL"],
            "CapAdd": list(self.capabilities),
            "SecurityOpt": ["no-new-privileges"],
            "Privileged": False,
            "NetworkMode": self.network,
            "PidsLimit": self.limits.pids,
            "Memory": self.limits.memory_bytes,
            # No more of it by way of swap.
            "MemorySwap": self.limits.memory_bytes,
            "NanoCpus": round(self.limits.cpus * 1e9),
            "CgroupParent": self.cgroup_parent,
            "RestartPolicy": {"Name": "no"},
            "LogConfig": {
                "Type": "json-file",
                "Config": {"max-size": str(LOG_BYTES), "max-file": "1"},
            },
        }


def environment() -> Mapping[str, str]:
    """Of a session's container: nothing that is secret, as the engine shows it to who asks."""
    return {**MEMORY, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
