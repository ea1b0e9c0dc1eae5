"""Patterns of paths as restic has them, as regular expressions over bytes.

They stand here because whoever asks, whoever takes the request and whoever walks must agree.
"""

import re
from collections.abc import Iterable, Sequence

# A set of characters: a closing bracket may be its first.
CHARACTERS = re.compile(rb"\[(\^?)((?:\\.|[^\]\\])+)\]", re.DOTALL)
ANY_DIRECTORIES = b"(?:/[^/]+)*"
# All excludes of a backup together, encoded: they travel with each of its slices.
EXCLUDES_BYTES_MAX = 128 << 10


class PatternInvalid(ValueError):
    """A pattern that means nothing."""


class Patterns:
    """Patterns in their order: the last that matches decides, one with `!` for keeping."""

    def __init__(self, patterns: Iterable[bytes], insensitive: bool = False) -> None:
        self._insensitive = insensitive
        self._compiled = [self._compile(pattern) for pattern in patterns]

    def _compile(self, pattern: bytes) -> tuple[bool, bool, re.Pattern[bytes]]:
        """Whether it takes back, whether it is absolute, and what it matches."""
        takes_back = pattern.startswith(b"!")
        wanted = self._cased(pattern[takes_back:])
        absolute = wanted.startswith(b"/")
        parts = [part for part in wanted.split(b"/") if part not in (b"", b".")]
        if not parts:
            raise PatternInvalid(f"{shown(pattern)} names nothing")
        expression = b"".join(map(component_expression, parts)) + b"(?:/|\\Z)"
        try:
            return takes_back, absolute, re.compile(expression, re.DOTALL)
        except re.error as error:
            raise PatternInvalid(f"{shown(pattern)}: {error}") from error

    def _cased(self, path: bytes) -> bytes:
        if not self._insensitive:
            return path
        return path.decode("utf-8", "surrogateescape").lower().encode("utf-8", "surrogateescape")

    def match(self, above: bytes, below: bytes) -> bool:
        """Whether a path is matched: `below` is its part under the root, `above` the root's own
        absolute path. Both begin with a slash, but for the root of all, which is empty."""
        below = self._cased(below)
        whole = self._cased(above) + below
        matched = False
        for takes_back, absolute, expression in self._compiled:
            if matched is takes_back:
                found = expression.match(whole) if absolute else expression.search(below)
                if found is not None:
                    matched = not takes_back
        return matched


def component_expression(part: bytes) -> bytes:
    """One name of a pattern, with the slash before it."""
    if part == b"**":
        return ANY_DIRECTORIES
    found, at = [b"/"], 0
    while at < len(part):
        character = part[at : at + 1]
        at += 1
        if character == b"*":
            found.append(b"[^/]*")
        elif character == b"?":
            found.append(b"[^/]")
        elif character == b"[":
            among = CHARACTERS.match(part, at - 1)
            if among is None:
                raise PatternInvalid(f"{shown(part)} has a bracket that is not closed")
            found.append(b"(?!/)" + set_expression(among))
            at = among.end()
        else:
            if character == b"\\" and at < len(part):
                character = part[at : at + 1]
                at += 1
            found.append(re.escape(character))
    return b"".join(found)


def set_expression(among: re.Match[bytes]) -> bytes:
    """A set of characters, in which brackets mean nothing else."""
    inside: Sequence[bytes] = re.findall(rb"\\.|[^\\]", among[2], re.DOTALL)
    safe = (b"\\" + c if c in (b"[", b"&", b"~", b"|", b"^") else c for c in inside)
    return b"[%b%b]" % (among[1], b"".join(safe))


def tag_of(told: bytes) -> tuple[bytes, bytes]:
    """The file whose presence excludes its directory, and what it must begin with, out of
    `name` or `name:header`."""
    name, _, header = told.partition(b":")
    if not name or b"/" in name:
        raise PatternInvalid(f"{shown(told)} is no name of a file")
    return name, header


def shown(text: bytes) -> str:
    """Quoted, with escapes for what a terminal would obey and for what is no text."""
    return repr(text.decode("utf-8", "surrogateescape"))
