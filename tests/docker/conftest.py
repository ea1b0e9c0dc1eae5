"""Two proxy hosts with engines, for all the tests of this folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import session_image
from engines import Host, hosts


@pytest.fixture(scope="session")
def image_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if os.geteuid() != 0:
        pytest.skip("container tests start engines and make networks: that takes root")
    archive = tmp_path_factory.mktemp("image") / "image.tar"
    session_image.build(archive)
    return archive


@pytest.fixture(scope="session")
def both(image_archive: Path) -> Iterator[list[Host]]:
    """Hosts a and b. Whoever breaks one mends it."""
    with hosts(image_archive, ("a", "b")) as made:
        yield made
