"""A real server that speaks S3, on loopback and in a directory of its own."""

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from commands import BIN

READY_SECONDS = 60.0
BUCKET = "backups"
KEY, SECRET = "AKIDSLUICEGATE", "canary-secret-of-the-writer"
READING_KEY, READING_SECRET = "AKIDREADING", "canary-secret-of-the-reader"
# Of each role its ports for HTTP and for gRPC.
ROLES = ("master", "volume", "filer", "s3")


@dataclass(frozen=True)
class Seaweed:
    """A server that runs. The bucket `backups` is there, no other is, and none is made unasked."""

    port: int

    def location(self, path: str, bucket: str = BUCKET) -> str:
        """A location as restic's users write it."""
        return f"s3:http://127.0.0.1:{self.port}/{bucket}/{path}"


def credentials(key: str = KEY, secret: str = SECRET) -> dict[str, str]:
    """What the environment says to be let in."""
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}


@contextmanager
def seaweed(directory: Path) -> Iterator[Seaweed]:
    """A new server, ended at the end."""
    directory.mkdir()
    settings = directory / "s3.json"
    settings.write_text(json.dumps({"identities": list(identities())}))
    ports = free_ports(2 * len(ROLES))
    web, inner = dict(zip(ROLES, ports, strict=False)), ports[len(ROLES) :]
    command = [
        BIN / "weed", "server", "-filer", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
        f"-dir={directory}", f"-s3.config={settings}", "-s3.autoCreateBucket=false",
        "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false", "-master.telemetry=false",
        "-master.volumeSizeLimitMB=64", "-volume.max=50",
        *(f"-{role}.port={web[role]}" for role in ROLES),
        *(f"-{role}.port.grpc={port}" for role, port in zip(ROLES, inner, strict=True)),
    ]  # fmt: skip
    with open(directory / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    with process:
        try:
            until_ready(web, process, directory / "log")
            yield Seaweed(web["s3"])
        finally:
            process.kill()


def identities() -> Iterator[Mapping[str, object]]:
    """Who may do what."""
    for key, secret, actions in (
        (KEY, SECRET, ["Admin", "Read", "Write", "List"]),
        (READING_KEY, READING_SECRET, ["Read", "List"]),
    ):
        known = [{"accessKey": key, "secretKey": secret}]
        yield {"name": key, "credentials": known, "actions": actions}


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def until_ready(ports: Mapping[str, int], process: subprocess.Popen[bytes], log: Path) -> None:
    """Returns when the bucket is made and may be asked for."""
    deadline = time.monotonic() + READY_SECONDS
    while not (made(ports["filer"]) and answers(ports["s3"])):
        ended = process.poll() is not None or time.monotonic() > deadline
        assert not ended, log.read_text(errors="replace")[-2000:]
        time.sleep(0.1)


def made(filer: int) -> bool:
    """Whether the bucket is there: a directory of the server's own file system."""
    return asked(filer, "POST", f"/buckets/{BUCKET}/") in (201, 409)


def answers(port: int) -> bool:
    """Whether S3 knows who asks, and lets nobody in who does not say."""
    return asked(port, "GET", f"/{BUCKET}") == 403


def asked(port: int, method: str, path: str) -> int:
    """The status of an answer; 0 for none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()
