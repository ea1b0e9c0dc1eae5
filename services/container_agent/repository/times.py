"""Times as Go's JSON writes them: RFC 3339 with as many digits as it takes."""

import calendar
import re
import time
from functools import lru_cache

SECOND_NS = 1_000_000_000
DAYS_OF_400_YEARS = 146_097
TIME = re.compile(
    r"(\d{4,}-\d\d-\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:Z|([+-])(\d\d):(\d\d))"
)


@lru_cache(maxsize=65536)
def format_second(second: int) -> tuple[str, str]:
    """A whole second in local time, and the zone's offset."""
    local = time.localtime(second)
    if local.tm_gmtoff % 60:
        # Zones had odd seconds before 1940 or so, which the format cannot tell.
        local = time.gmtime(second)
    stamp = (
        f"{local.tm_year:04}-{local.tm_mon:02}-{local.tm_mday:02}"
        f"T{local.tm_hour:02}:{local.tm_min:02}:{local.tm_sec:02}"
    )
    offset = local.tm_gmtoff // 60
    if offset == 0:
        return stamp, "Z"
    return stamp, f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"


@lru_cache(maxsize=1024)
def format_second_at(second: int, zone_minutes: int) -> tuple[str, str]:
    """A whole second in a zone, so many minutes east of Greenwich, and the zone's offset."""
    there = time.gmtime(second + zone_minutes * 60)
    sign, hours, minutes = "-" if zone_minutes < 0 else "+", *divmod(abs(zone_minutes), 60)
    stamp = f"{there.tm_year:04}-{time.strftime('%m-%dT%H:%M:%S', there)}"
    return stamp, f"{sign}{hours:02}:{minutes:02}" if zone_minutes else "Z"


def format_time(time_ns: int, zone_minutes: int | None = None) -> str:
    """Nanoseconds since 1970 as RFC 3339, in the zone given, or the local one as restic does."""
    second, fraction = divmod(time_ns, SECOND_NS)
    if zone_minutes is None:
        stamp, zone = format_second(second)
    else:
        stamp, zone = format_second_at(second, zone_minutes)
    if fraction:
        return f"{stamp}.{f'{fraction:09}'.rstrip('0')}{zone}"
    return stamp + zone


def parse_time(text: str) -> int:
    """RFC 3339 as nanoseconds since 1970; ValueError for anything else."""
    found = TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"no time: {text[:50]!r}")
    date, hour, minute, second, fraction, *zone = found.groups()
    total = day_start(date) + int(hour) * 3600 + int(minute) * 60 + int(second)
    total -= _minutes_east(*zone) * 60
    return total * SECOND_NS + int((fraction or "0").ljust(9, "0"))


def parse_zone(text: str) -> int:
    """The zone of an RFC 3339 time, in minutes east of Greenwich; ValueError for anything else."""
    found = TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"no time: {text[:50]!r}")
    return _minutes_east(*found.groups()[5:])


def _minutes_east(sign: str | None, hours: str | None, minutes: str | None) -> int:
    if not sign:
        return 0
    east = int(hours or 0) * 60 + int(minutes or 0)
    return -east if sign == "-" else east


@lru_cache(maxsize=4096)
def day_start(date: str) -> int:
    """The second with which a day begins; ValueError where there is no such day."""
    year, month, day = map(int, date.split("-"))
    if year == 0:
        # Python's calendar begins a year later than Go's; it comes again every 400 years.
        return calendar.timegm((400, month, day, 0, 0, 0)) - DAYS_OF_400_YEARS * 86400
    return calendar.timegm((year, month, day, 0, 0, 0))
