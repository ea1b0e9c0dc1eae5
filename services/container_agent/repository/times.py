"""Times as Go's JSON writes them: RFC 3339 with as many digits as it takes."""

import calendar
import re
import time
from functools import lru_cache

SECOND_NS = 1_000_000_000
TIME = re.compile(
    r"(\d{4,})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:Z|([+-])(\d\d):(\d\d))"
)


@lru_cache(maxsize=65536)
def format_second(second: int) -> tuple[str, str]:
    """A whole second in local time, and the zone's offset."""
    local = time.localtime(second)
    stamp = (
        f"{local.tm_year:04}-{local.tm_mon:02}-{local.tm_mday:02}"
        f"T{local.tm_hour:02}:{local.tm_min:02}:{local.tm_sec:02}"
    )
    offset = local.tm_gmtoff // 60
    if offset == 0:
        return stamp, "Z"
    return stamp, f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"


def format_time(time_ns: int) -> str:
    """Nanoseconds since 1970 as RFC 3339, in the local zone as restic writes it."""
    second, fraction = divmod(time_ns, SECOND_NS)
    stamp, zone = format_second(second)
    if fraction:
        return f"{stamp}.{f'{fraction:09}'.rstrip('0')}{zone}"
    return stamp + zone


def parse_time(text: str) -> int:
    """RFC 3339 as nanoseconds since 1970; ValueError for anything else."""
    found = TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"no time: {text[:50]!r}")
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    total = calendar.timegm((year, month, day, hour, minute, second))
    if found[8]:
        shift = int(found[9]) * 3600 + int(found[10]) * 60
        total += shift if found[8] == "-" else -shift
    return total * SECOND_NS + int((found[7] or "0").ljust(9, "0"))
