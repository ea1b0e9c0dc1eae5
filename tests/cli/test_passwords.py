"""Where the password comes from, and in which order."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from sluicegate.cli.failures import CommandError, UsageError
from sluicegate.cli.passwords import VARIABLES, find_password


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A password of its own in each place."""
    for name in VARIABLES:
        if name.endswith("_FILE"):
            (tmp_path / name).write_text(f" {name}\n")
            monkeypatch.setenv(name, str(tmp_path / name))
        else:
            monkeypatch.setenv(name, name)


def test_the_order_is_file_then_ours_then_restics(
    everywhere: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "named").write_bytes(b"from the file\n")
    assert find_password(tmp_path / "named") == b"from the file"
    for name in VARIABLES:
        assert find_password(None) == name.encode()
        monkeypatch.delenv(name)


def test_a_password_need_not_be_utf_8(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(os.environb, b"RESTIC_PASSWORD", b"\xff\xfe")
    assert find_password(None) == b"\xff\xfe"


def test_no_password_and_nobody_to_ask_is_a_usage_error(monkeypatch: pytest.MonkeyPatch):
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with pytest.raises(UsageError, match="--password-file"):
            find_password(None)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(CommandError, match="no-such-file: No such file"):
        find_password(tmp_path / "no-such-file")


def test_an_empty_password_is_refused(tmp_path: Path):
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(CommandError, match="empty"):
        find_password(tmp_path / "empty")


ASK = """
import sys
from sluicegate.cli.failures import told
from sluicegate.cli.passwords import find_password
with told():
    print("got", find_password(None, twice=True).decode())
"""


@pytest.mark.parametrize(
    ("typed", "said", "code"),
    [(["secret", "secret"], "got secret", 0), (["secret", "secert"], "not the same", 1)],
)
def test_a_terminal_is_asked_twice_for_a_new_one(typed: list[str], said: str, code: int):
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", ASK],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
    )
    os.close(slave)
    shown = b""
    for prompt, word in zip((b"password of", b"the same again"), typed, strict=True):
        while prompt not in shown:
            shown += os.read(master, 1000)
        os.write(master, word.encode() + b"\n")
    while True:
        try:
            shown += os.read(master, 1000)
        except OSError:
            break
    os.close(master)
    assert process.wait(20) == code
    assert said in shown.decode()
    assert typed[0] not in shown.decode().replace("got secret", "")
