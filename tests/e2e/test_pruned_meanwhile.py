"""T25: the stock restic prunes while a backup is under way and no session of it runs."""

import json
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from commands import BIN, check_repository, environment, restic
from compare import describe, differences
from deployment import host, spread
from trees import write_file

FILES = 120


def snapshots(repository: Path) -> list[str]:
    return [each["id"] for each in json.loads(restic(repository, "snapshots", "--json"))]


def indexes(repository: Path) -> int:
    return len(list((repository / "index").iterdir()))


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come true"
        time.sleep(0.02)


def test_t25_what_a_prune_takes_of_a_backup_that_goes_on_is_stored_again(
    repository: Path, tmp_path: Path
):
    asset = tmp_path / "asset"
    for number in range(FILES):
        (asset / f"{number // 10}").mkdir(parents=True, exist_ok=True)
        write_file(bytes(asset / f"{number // 10}" / f"{number}"), 300_000, number)
    with spread(tmp_path, {}) as deployed, ExitStack() as hosts:
        hosts.enter_context(host(tmp_path, "first", deployed.proxies, 1, {}))
        words = (
            "backup", asset, "--repo", repository, "--server", deployed.data, "--streams", 1,
            "--method", "per-slice", "--slice-bytes", "1MiB", "--json",
        )  # fmt: skip
        with subprocess.Popen(
            [str(word) for word in (BIN / "sluicegate", *words)],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        ) as backup:
            until(lambda: indexes(repository) > 5)
            hosts.close()
            assert backup.poll() is None and snapshots(repository) == []
            restic(repository, "prune")
            assert not any(path.is_file() for path in (repository / "data").rglob("*"))
            hosts.enter_context(host(tmp_path, "second", deployed.proxies, 2, {}))
            told, _ = backup.communicate(timeout=120)
            assert backup.returncode == 0, told
    last = json.loads(told.splitlines()[-1])
    assert last["state"] == "SUCCEEDED" and last["files"] == FILES
    check_repository(repository)
    restic(repository, "restore", "latest", "--target", tmp_path / "out")
    assert (
        differences(describe(bytes(asset)), describe(bytes(tmp_path / "out") + bytes(asset))) == []
    )
