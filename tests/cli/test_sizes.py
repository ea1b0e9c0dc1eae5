"""Sizes as people write and read them."""

import pytest

from sluicegate.cli.sizes import parse_size, show_seconds, show_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("500000", 500_000),
        ("64MiB", 64 << 20),
        ("64mib", 64 << 20),
        ("1G", 1 << 30),
        ("1g", 1 << 30),
        ("1.5 GiB", 3 << 29),
        ("2GB", 2_000_000_000),
        ("7 B", 7),
        ("3T", 3 << 40),
    ],
)
def test_a_size_is_read(text: str, size: int):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MiB", "1X", "-1", "1e9", "1 2", "64 M i B", "٣", "0x10"])
def test_what_is_no_size_is_said(text: str):
    with pytest.raises(ValueError, match="64MiB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (300 << 20, "300 MiB"), (3 << 29, "1.5 GiB")],
)
def test_a_size_is_shown(size: int, shown: str):
    assert show_size(size) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(4.24, "4.2 s"), (59.94, "59.9 s"), (185, "3 min 05 s"), (7620, "2 h 07 min")],
)
def test_a_time_is_shown(seconds: float, shown: str):
    assert show_seconds(seconds) == shown
