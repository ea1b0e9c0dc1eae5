"""Where the cache of a host lies."""

from pathlib import Path

from container_agent.host.cache import find_cache_directory, made_cache
from container_agent.host.container_plan import CACHE_DIRECTORY, ContainerPlan


def test_it_lies_where_it_is_said_and_nowhere_when_nobody_says():
    named = {"SLUICEGATE_CACHE_DIRECTORY": "/named", "XDG_CACHE_HOME": "/caches", "HOME": "/home/x"}
    assert find_cache_directory(Path("/given"), named) == Path("/given")
    assert find_cache_directory(None, named) == Path("/named")
    assert find_cache_directory(None, named | {"SLUICEGATE_CACHE_DIRECTORY": ""}) is None
    del named["SLUICEGATE_CACHE_DIRECTORY"]
    assert find_cache_directory(None, named) == Path("/caches/sluicegate")
    del named["XDG_CACHE_HOME"]
    assert find_cache_directory(None, named) == Path("/home/x/.cache/sluicegate")
    assert find_cache_directory(None, {}) is None


def test_containers_are_shown_the_one_that_is_named_and_no_other(tmp_path):
    homely = {"HOME": "/home/x"}
    assert find_cache_directory(None, homely, in_containers=True) is None
    cache = find_cache_directory(tmp_path / "new" / "cache", homely, in_containers=True)
    plan = ContainerPlan("h1", "image", cache=made_cache(cache))
    config = plan.fields(tmp_path / "door", tmp_path / "agent" / "sock")["HostConfig"]
    [shown] = [mount for mount in config["Mounts"] if mount["Target"] == CACHE_DIRECTORY]
    assert (shown["Source"], shown["ReadOnly"]) == (str(cache), False)
    assert cache.stat().st_mode & 0o077 == 0


def test_sessions_do_without_one_that_cannot_be_made(tmp_path, caplog):
    (tmp_path / "file").write_text("no directory")
    assert made_cache(tmp_path / "file" / "cache") is None
    assert made_cache(None) is None
    assert "Not a directory" in caplog.text
