"""What a backup passes over, as its user wrote it down: files read, patterns judged."""

import codecs
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from sluicegate.cli.choices import Excluding
from sluicegate.cli.failures import CommandError, UsageError
from sluicegate.patterns import EXCLUDES_BYTES_MAX, PatternInvalid, Patterns, tag_of

# What restic's replaces: `$NAME`, `${NAME}`, and `$$` for a dollar.
VARIABLE = re.compile(rb"\$(?:(\$)|\{(\w+)\}|([A-Za-z_]\w*))")
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def gathered(told: Excluding) -> Excluding:
    """The same with the patterns of its files; UsageError for what means nothing. An empty pattern
    is none, as for restic."""
    read = (pattern for path in told.files for pattern in patterns_of_file(path))
    made = told._replace(
        patterns=tuple(filter(None, (*told.patterns, *read))),
        insensitive_patterns=tuple(filter(None, told.insensitive_patterns)),
        files=(),
    )
    judge("--exclude", made.patterns, lambda pattern: Patterns([pattern]))
    judge("--iexclude", made.insensitive_patterns, lambda pattern: Patterns([pattern], True))
    judge("--exclude-if-present", made.if_present, tag_of)
    texts = (*made.patterns, *made.insensitive_patterns, *made.if_present)
    if sum(len(os.fsencode(text)) for text in texts) > EXCLUDES_BYTES_MAX:
        raise UsageError(f"there are more than {EXCLUDES_BYTES_MAX >> 10} KiB of excludes")
    return made


def patterns_of_file(path: Path) -> list[str]:
    """The patterns that a file holds, one a line."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from None
    lines = (line.strip() for line in in_utf_8(text, path).split(b"\n"))
    kept = (line for line in lines if line and not line.startswith(b"#"))
    return [os.fsdecode(VARIABLE.sub(value, line)) for line in kept]


def in_utf_8(text: bytes, path: Path) -> bytes:
    """A text whose byte order mark may say how it is written; it is as it is without one."""
    if not text.startswith(UTF_16):
        return text.removeprefix(codecs.BOM_UTF8)
    try:
        return text.decode("utf-16").encode()
    except UnicodeDecodeError:
        raise CommandError(f"cannot read {path}: it is not UTF-16, as it says") from None


def value(found: re.Match[bytes]) -> bytes:
    """What a variable of the environment holds; nothing when there is none."""
    return b"$" if found[1] else os.environb.get(found[2] or found[3], b"")


def judge(option: str, texts: Iterable[str], read: Callable[[bytes], object]) -> None:
    """Tells the first of an option's texts that means nothing."""
    for text in texts:
        try:
            read(os.fsencode(text))
        except PatternInvalid as error:
            raise UsageError(f"{option}: {error}") from None
