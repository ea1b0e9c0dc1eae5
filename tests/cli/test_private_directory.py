"""Where an embedded run keeps its sockets and its database."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sluicegate.scratch import PREFIX, private_directory

HOLD = """
import time
from sluicegate.scratch import private_directory
with private_directory() as home:
    (home / "data.db").touch()
    print(home, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for temporary files, short enough for sockets."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="t") as place:
        monkeypatch.setenv("TMPDIR", place)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(place)


@pytest.fixture
def holder(temporary: Path):
    """Another command that runs, and its directory."""
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process, Path(process.stdout.readline().strip())
    process.kill()
    process.communicate()


def test_only_its_user_enters_and_nothing_is_left(temporary: Path):
    with private_directory() as home:
        assert home.parent == temporary
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        (home / "host").mkdir()
        (home / "host" / "agent.sock").touch()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_command_left_is_cleared_away(holder, temporary: Path):
    process, left = holder
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (left / "data.db").exists()
    with private_directory():
        assert not left.exists()


def test_what_another_command_uses_stays(holder, temporary: Path):
    _, used = holder
    with private_directory() as home:
        assert used.exists()
        assert home != used


def test_what_only_looks_so_stays(temporary: Path):
    outside = temporary / "outside"
    outside.mkdir()
    (outside / "lock").touch()
    (temporary / f"{PREFIX}link").symlink_to(outside)
    (temporary / f"{PREFIX}empty").mkdir()
    with private_directory():
        pass
    assert (outside / "lock").exists()
    assert (temporary / f"{PREFIX}empty").exists()


def test_a_socket_has_room_wherever_temporary_files_go(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
):
    deep = temporary / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with private_directory() as home:
        assert len(os.fsencode(home / "host" / "agent.sock")) < 108
