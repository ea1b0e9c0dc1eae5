"""The container engine of this host: the one module that knows the Docker SDK.

Its calls block; each has a deadline.
"""

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from docker.errors import APIError, DockerException, NotFound

import docker
from container_agent.host.container_plan import LABEL_HOST
from container_agent.host.engine import CALLS_AT_ONCE, End, EngineFailed, ImageMissing, Listed

CALL_SECONDS = 30
# An engine that says nothing for so long is asked anew.
EVENT_SECONDS = 60
LOG_LINES = 20


class DockerEngine:
    """The engine at a socket, by its API; EngineFailed when it does not answer."""

    def __init__(self, host_name: str, where: str) -> None:
        self._where = where
        self._label = f"{LABEL_HOST}={host_name}"
        with _told():
            self._client = self._connect(CALL_SECONDS)

    def image_id(self, image: str) -> str:
        """The id of an image that is there, by any of its names; ImageMissing when it is not."""
        with _told():
            try:
                return str(self._client.inspect_image(image)["Id"])
            except NotFound as error:
                raise ImageMissing(
                    f"the engine has no image {image}; build, load or pull it first"
                ) from error

    def create(self, name: str, fields: Mapping[str, object]) -> None:
        """Makes a container; it does not run yet."""
        with _told():
            self._client.create_container_from_config(dict(fields), name)

    def start(self, name: str) -> None:
        """Starts a container."""
        with _told():
            self._client.start(name)

    def remove(self, name: str) -> None:
        """Ends what runs in a container, paused or not; returns when there is no such container."""
        with _told():
            try:
                self._client.remove_container(name, v=True, force=True)
            except NotFound:
                return

    def listed(self) -> list[Listed]:
        """The containers of this host, whether they run or not."""
        with _told():
            found = self._client.containers(all=True, filters={"label": self._label})
        return [
            Listed(one["Names"][0].lstrip("/"), _runs(one["State"]), one["Id"]) for one in found
        ]

    def end_of(self, name: str) -> End | None:
        """How a container that does not run any more ended; None when it is not there."""
        with _told():
            try:
                state = self._client.inspect_container(name)["State"]
                said = self._client.logs(name, stdout=False, stderr=True, tail=LOG_LINES)
            except NotFound:
                return None
        lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines()]
        last = next((line for line in reversed(lines) if line), "")
        return End(state["ExitCode"], state["OOMKilled"], last or state.get("Error", ""))

    def watch(self, happened: Callable[[], object]) -> None:
        """Calls whenever something happens to a container of this host, until the engine is silent
        or gone. What happened while nobody watched is not told."""
        filters = {"type": "container", "label": self._label}
        with _told():
            client = self._connect(EVENT_SECONDS)
            try:
                for _ in client.events(filters=filters, decode=True):
                    happened()
            finally:
                client.close()

    def _connect(self, seconds: int) -> Any:  # noqa: ANN401  # its types are not all there
        _look_for(self._where)
        client = docker.APIClient(
            self._where, version="auto", timeout=seconds, max_pool_size=CALLS_AT_ONCE
        )
        # Proxies and certificates of the environment are not meant for the engine.
        client.trust_env = False
        return client


def _look_for(where: str) -> None:
    """OSError where nobody listens; the SDK would leave its socket open."""
    if where.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as looking:
            looking.settimeout(CALL_SECONDS)
            looking.connect(where.removeprefix("unix://"))


@contextmanager
def _told() -> Iterator[None]:
    """What the SDK and its connection raise, as EngineFailed."""
    try:
        yield
    except APIError as error:
        raise EngineFailed(str(error.explanation or error)) from error
    except (DockerException, requests.RequestException, OSError, json.JSONDecodeError) as error:
        raise EngineFailed(f"the container engine does not answer: {error}") from error


def _runs(state: Any) -> bool:  # noqa: ANN401  # the engine's JSON
    return state in ("running", "paused", "restarting")
