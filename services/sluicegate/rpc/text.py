"""Text that may hold what a stranger chose, made safe to show."""

MESSAGE_LENGTH = 1000


def printable(text: str | bytes) -> str:
    """One line in which nothing can move a cursor or end a line.

    Control characters, the ones that reverse the direction of writing, and bytes that are no
    UTF-8 come out as escapes, so that different names stay different.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(map(_escaped, text))


def one_line(text: str) -> str:
    """A message cut to the length that status messages and reports have room for."""
    shown = " ".join(text.split())
    return printable(shown).replace("\\\\", "\\")[:MESSAGE_LENGTH]


def _escaped(character: str) -> str:
    code = ord(character)
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
