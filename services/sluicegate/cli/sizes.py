"""Sizes, times and rates as people write and read them."""

import re

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
# As restic: K, M, G are powers of 1024. KB, MB, GB are what disks are sold by.
FACTORS = {
    **{letter: 1024**power for power, letter in enumerate(("", "K", "M", "G", "T"))},
    **{f"{letter}IB": 1024**power for power, letter in enumerate("KMGT", 1)},
    **{f"{letter}B": 1000**power for power, letter in enumerate(("", "K", "M", "G", "T"))},
}
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_size(text: str) -> int:
    """The bytes that a text such as `64MiB`, `1G` or `1.5 GB` means; ValueError when none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)", text.strip(), re.ASCII)
    factor = FACTORS.get(match[2].upper()) if match else None
    if match is None or factor is None:
        raise ValueError(f"{text!r} is no size; write it as 64MiB, 1G or 500000")
    return int(float(match[1]) * factor) if "." in match[1] else int(match[1]) * factor


def parse_seconds(text: str) -> int:
    """The seconds that a text such as `15m`, `90s`, `2h` or `0` means; ValueError when none."""
    match = re.fullmatch(r"(\d{1,9})([smhd]?)", text.strip(), re.ASCII)
    if match is None:
        raise ValueError(f"{text!r} is no duration; write it as 90s, 15m, 2h or 1d")
    return int(match[1]) * SECONDS[match[2] or "s"]


def parse_calendar(text: str) -> tuple[int, int, int, int]:
    """The years, months, days and hours of a text such as `1y6m`, `7d` or `36h`; ValueError when
    it is none."""
    parts = re.findall(r"(\d{1,7})([ymdh])", text, re.ASCII)
    found = {unit: int(number) for number, unit in parts}
    written = "".join(f"{number}{unit}" for number, unit in parts)
    if not any(found.values()) or written != text or len(found) < len(parts):
        raise ValueError(f"{text!r} is no time by the calendar; write it as 1y6m, 7d or 36h")
    years, months, days, hours = (found.get(unit, 0) for unit in "ymdh")
    return years, months, days, hours


def show_size(size: float) -> str:
    """Three digits or so, and the unit."""
    for unit in UNITS:
        if size < 1024 or unit == UNITS[-1]:
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"


def show_seconds(seconds: float) -> str:
    """`4.2 s`, `3 min 05 s` or `2 h 07 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
