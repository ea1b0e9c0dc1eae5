"""A server for all tests of object stores, and a place in it for each."""

import uuid
from collections.abc import Iterator

import pytest

from object_stores.proxy import Proxy, proxy_to
from object_stores.seaweed import Seaweed, credentials, seaweed


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """A real server that speaks S3."""
    with seaweed(tmp_path_factory.mktemp("seaweed") / "server") as running:
        yield running


@pytest.fixture(autouse=True)
def environment_of_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """We are let in."""
    for name, value in credentials().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def path() -> str:
    """A path in the bucket that nobody else uses."""
    return f"of the tests/{uuid.uuid4().hex}"


@pytest.fixture
def location(server: Seaweed, path: str) -> str:
    """An empty place in the bucket."""
    return server.location(path)


@pytest.fixture
def proxy(server: Seaweed) -> Iterator[Proxy]:
    """What stands before the server."""
    with proxy_to(server.port) as running:
        yield running


@pytest.fixture
def behind(proxy: Proxy, path: str) -> str:
    """The same empty place, reached through the proxy."""
    return Seaweed(proxy.port).location(path)
