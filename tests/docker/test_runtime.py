"""The runtime on a real engine: warm containers, strays, what an earlier agent left."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from container_agent.host.container_plan import LABEL_HOST, ContainerPlan, Limits
from container_agent.host.docker_engine import DockerEngine
from container_agent.host.docker_runtime import DockerRuntime
from container_agent.host.engine import EngineFailed, ImageMissing
from container_agent.host.mounts import Mount, parse_mount
from container_agent.host.runtime import StartFailed
from engines import IMAGE, Host
from hosting import until

pytestmark = pytest.mark.slow
TOKEN = "t" * 32


@asynccontextmanager
async def runtime(
    directory: Path,
    host: Host,
    warm: int = 0,
    image: str = IMAGE,
    mounts: tuple[Mount, ...] = (),
) -> AsyncIterator[DockerRuntime]:
    engine = DockerEngine(host.name, host.socket)
    plan = ContainerPlan(host.name, engine.image_id(image), mounts, limits=Limits(64 << 20))
    (directory / "agent").mkdir(exist_ok=True)
    socket = directory / "agent" / "sock"
    async with DockerRuntime(engine, plan, directory, socket, {}, warm) as made:
        yield made


async def create(made: DockerRuntime, directory: Path, name: str = "s1"):
    return await made.create(name, TOKEN, directory / "agent" / "sock", "dm")


async def test_a_warm_container_is_taken_and_another_made(tmp_path: Path, both: list[Host]):
    a, _ = both
    async with runtime(tmp_path, a, warm=2) as made:
        await until(lambda: len(a.containers()) == 2)
        waiting = set(a.containers())
        container = await create(made, tmp_path)
        assert container.name in waiting
        await until(lambda: len(set(a.containers()) - {container.name}) == 2)
        # Nobody listens on its host agent's socket: it dials for a while, and may be ended.
        container.kill()
        assert await container.wait() == "the session was killed by its host"
        assert container.name not in a.containers()
    assert a.containers() == []


async def test_a_warm_container_that_died_is_replaced(tmp_path: Path, both: list[Host]):
    a, _ = both
    async with runtime(tmp_path, a, warm=1) as made:
        await until(lambda: len(a.containers()) == 1)
        (dead,) = a.containers()
        await until(lambda: a.inspect(dead)["State"]["Running"])
        a.docker("kill", dead)
        await until(lambda: dead not in a.containers())
        assert (await create(made, tmp_path)).name != dead


async def test_a_volume_is_seen_as_a_share_is_and_primary_storage_is_not_written(
    tmp_path: Path, both: list[Host]
):
    a, _ = both
    # As of an NFS share, it is the engine that mounts it.
    tmpfs = ("--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=1m")
    for name in ("share", "backups"):
        a.docker("volume", "create", *tmpfs, name)
    mounts = (
        parse_mount("share:/srv/share", read_only=True),
        parse_mount("backups:/backup", read_only=False),
    )
    try:
        async with runtime(tmp_path, a, mounts=mounts) as made:
            name = (await create(made, tmp_path)).name
            code = "open('/backup/x', 'w').write('kept'); open('/srv/share/x', 'w')"
            told = a.docker("exec", name, "python3", "-c", code, check=False)
            assert told == ""
            code = "import os; print(os.listdir('/backup'), os.listdir('/srv/share'))"
            assert a.docker("exec", name, "python3", "-c", code).strip() == "['x'] []"
    finally:
        a.docker("volume", "rm", "share", "backups")


async def test_d7_strays_are_removed_and_others_are_left_alone(tmp_path: Path, both: list[Host]):
    a, _ = both
    wait = ("--network", "none", IMAGE, "python3", "-c", "import time; time.sleep(600)")
    stray = a.docker("run", "-d", "--name", "stray", "--label", f"{LABEL_HOST}=a", *wait)
    other = a.docker("run", "-d", "--name", "other", "--label", f"{LABEL_HOST}=c", *wait)
    try:
        async with runtime(tmp_path, a):
            await until(lambda: "stray" not in a.containers())
            # One that appears while it looks on, without a word of the engine missed.
            a.docker("run", "-d", "--name", "stray", "--label", f"{LABEL_HOST}=a", *wait)
            await until(lambda: "stray" not in a.containers())
            assert "other" in a.containers()
    finally:
        a.docker("rm", "-f", stray.strip(), other.strip(), check=False)


async def test_f1_what_an_earlier_agent_left_is_found_with_its_session(
    tmp_path: Path, both: list[Host]
):
    a, _ = both
    first = runtime(tmp_path, a)
    made = await first.__aenter__()
    container = await create(made, tmp_path)
    # Its process ends without a word: nothing of it is tidied up.
    for task in made._tasks:
        task.cancel()
    async with runtime(tmp_path, a) as second:
        (found,) = second.found()
        assert (found.session_id, found.data_manager_id) == ("s1", "dm")
        assert found.container.name == container.name
        assert TOKEN not in found.token_digest
    assert a.containers() == []


async def test_f19_what_does_not_start_is_told_in_one_line_and_nothing_is_left(
    tmp_path: Path, both: list[Host]
):
    a, _ = both
    empty = a.empty_image()
    async with runtime(tmp_path, a, image=empty) as made:
        with pytest.raises(StartFailed, match=r"python3.*not found") as failed:
            await create(made, tmp_path)
        assert "\n" not in str(failed.value)
        await until(lambda: not a.containers())
    assert list((tmp_path / "containers").iterdir()) == []


def test_an_engine_that_is_not_there_and_an_image_that_is_not_are_told(both: list[Host]):
    with pytest.raises(EngineFailed, match="does not answer"):
        DockerEngine("a", "unix:///nowhere/docker.sock")
    with pytest.raises(ImageMissing, match="build, load or pull it first"):
        DockerEngine("a", both[0].socket).image_id("none:at-all")
