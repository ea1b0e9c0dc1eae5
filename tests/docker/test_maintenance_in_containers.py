"""Forget, prune and check are sessions too: in a container, with the restic of the image."""

from pathlib import Path

from commands import check_repository, sluicegate, summary
from docker_deployment import deployed, finished
from engines import Host


def test_a_repository_is_looked_after_in_containers(tmp_path: Path, both: list[Host]):
    asset = tmp_path / "asset"
    asset.mkdir()
    with deployed(tmp_path, both) as deployment:
        deployment.init()
        for number in range(3):
            (asset / "file").write_bytes(bytes([number]) * 3_000_000)
            with deployment.backup() as backup:
                finished(backup)
        at = ("--repo", deployment.repository, "--server", deployment.data)
        with both[0].events() as on_a, both[1].events() as on_b:
            done = summary("forget", *at, "-l", "1", "--prune", "--group-by", "paths")
            told = sluicegate("check", *at, "--read-data").stdout
    assert (done["removed"], done["message"].startswith("removed ")) == (2, True)
    assert "no errors were found" in told
    assert on_a.count("start") + on_b.count("start") == 2, "a container for each"
    check_repository(deployment.repository)
