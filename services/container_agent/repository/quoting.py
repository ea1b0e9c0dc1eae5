"""Names as Go quotes them (`strconv.Quote`), and strings as Go's JSON encoder writes them."""

import json
import re

PLAIN = re.compile(rb"[A-Za-z0-9 !#$%'()*+,\-./:;=?@\[\]^_`{|}~]*")
SHORT = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r"}
SHORT |= {ord('"'): '\\"', ord("\\"): "\\\\"}
ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([abfnrtv\\\"']))"
)
LETTERS = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, '"': 34, "'": 39}
# Bytes that are no UTF-8 arrive as these.
SURROGATES = range(0xDC80, 0xDD00)
FOR_HTML = re.compile("[<>&\u2028\u2029]")


def quote_rune(character: str) -> str:
    """One character within a quoted name."""
    code = ord(character)
    if code in SHORT:
        return SHORT[code]
    if code in SURROGATES:
        return f"\\x{code - 0xDC00:02x}"
    if character.isprintable():
        return character
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quote(name: bytes) -> str:
    """A name as trees hold it: quoted, without the quotes around it."""
    if PLAIN.fullmatch(name):
        return name.decode("ascii")
    return "".join(map(quote_rune, name.decode("utf-8", "surrogateescape")))


def unquote(quoted: str) -> bytes:
    """The name that was quoted; ValueError for a string that quoting does not yield."""
    if "\\" not in quoted:
        return quoted.encode()
    parts, at = [], 0
    for found in ESCAPE.finditer(quoted):
        parts += [literal(quoted[at : found.start()]), unescape(found)]
        at = found.end()
    return b"".join((*parts, literal(quoted[at:])))


def literal(text: str) -> bytes:
    """The part of a quoted name between two escapes."""
    if "\\" in text:
        raise ValueError("an escape that Go does not know")
    return text.encode()


def unescape(found: re.Match[str]) -> bytes:
    """What one escape stands for."""
    byte, short, long, octal, letter = found.groups()
    if byte:
        return bytes((int(byte, 16),))
    if octal:
        return bytes((int(octal, 8),))
    if letter:
        return bytes((LETTERS[letter],))
    return chr(int(short or long, 16)).encode()


def json_string(text: str) -> str:
    """A string as Go's JSON encoder writes it, safe within HTML."""
    written = json.dumps(text, ensure_ascii=False)
    if "\\" in written:
        # Python has two short forms that Go 1.19 has not.
        written = re.sub(r"\\\\|\\b|\\f", lambda m: LONGER.get(m[0], m[0]), written)
    return FOR_HTML.sub(lambda m: f"\\u{ord(m[0]):04x}", written)


LONGER = {"\\b": "\\u0008", "\\f": "\\u000c"}
