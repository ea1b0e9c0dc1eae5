"""Files of excludes, read as restic reads them."""

from pathlib import Path

import pytest

from sluicegate.cli.choices import Excluding
from sluicegate.cli.excludes import gathered, patterns_of_file


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        (b"", []),
        (b"a", ["a"]),
        (b" a b \t\r\n\n#c\n  # d\ne # f\n", ["a b", "e # f"]),
        (b"$A/${A}b$$A\n", ["one/oneb$A"]),
        (b"x$NONE/y$\n$.z\n", ["x/y$", "$.z"]),
        (b"\xff\n", ["\udcff"]),
        ("\ufeffä\nb".encode(), ["ä", "b"]),
        ("ä\nb".encode("utf-16"), ["ä", "b"]),
    ],
)
def test_patterns_of_a_file(
    text: bytes, patterns: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("A", "one")
    monkeypatch.delenv("NONE", raising=False)
    (tmp_path / "file").write_bytes(text)
    assert patterns_of_file(tmp_path / "file") == patterns


def test_those_of_files_come_last_so_that_they_can_take_back(tmp_path: Path):
    (tmp_path / "one").write_text("!b\n")
    (tmp_path / "two").write_text("c\n")
    told = Excluding(("*",), files=(tmp_path / "one", tmp_path / "two"), caches=True)
    assert gathered(told) == Excluding(("*", "!b", "c"), caches=True)
