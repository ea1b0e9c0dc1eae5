"""Names that programs trip over: those that a file may have, and those that lead elsewhere."""

from itertools import product

NAME_BYTES_MAX = 255
DEVICES = [
    *(b"CON", b"PRN", b"AUX", b"NUL", b"CLOCK$"),
    *(b"%b%d" % (kind, number) for kind, number in product((b"COM", b"LPT"), range(1, 10))),
]
# Beside every single byte: of each kind that T12 names some.
WORDS = [
    *(b"...", b"....", b"..a", b"a..", b". ", b" .", b".. ", b" ..", b".\t.", b".\n."),
    *(b"\\", b"..\\", b"..\\up", b"\\..\\..\\up", b"C:\\up", b"\\\\server\\share", b"a\\"),
    *(b"%2e%2e", b"%2e%2e%2f", b"%2F", b"%00", b"%", b"%%", b"%s%n", b"%5c..%5c", b"%252e"),
    *(b"\\x2e\\x2e", b"\\u002e\\u002e", b"\\u0000", b"\\x00", b"\\056", b'"', b'\\"', b'","'),
    *(b'"},{"name":"', b"&lt;", b"<b>", b"new\nline", b"\r\n", b"\n", b"\x1b[2J", b"\x7f\x7f"),
    *("\u00e4".encode(), "a\u0308".encode(), "\u212b".encode(), "\u00c5".encode(), "ﬁ".encode()),
    *("\u202eexe.txt".encode(), "\u200f".encode(), "שלום".encode(), "سلام".encode()),
    *("\u2025".encode(), "\uff0e\uff0e".encode(), "\u2215".encode(), "\uff0f".encode()),
    *("\u200b".encode(), "\ufeff".encode(), "\ufffd".encode(), "\U0001f600".encode()),
    *(b"\xc0\xae\xc0\xae", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff\xfe"),
    *(b"\xc3", b"a\xc3", b"\xe2\x80", b"\x80\x80", b"\xc3(", b"ok\xffok"),
    *(b"-", b"--", b"-rf", b"--help", b"~", b"~root", b"$(touch x)", b"`id`", b"$HOME", b"a;b"),
    *(b"a|b", b"*", b"?", b"[a]", b"{a,b}", b"!", b"#", b"a b", b"  ", b"a ", b" a", b"a:b"),
    *(b"a=b", b"@", b"@eadir", b".nfs0001", b"lost+found", b".snapshot", b".git", b"config"),
]
LENGTHS = [
    *(b"x" * length for length in (100, 128, 200, 254, NAME_BYTES_MAX)),
    *(b"\xff" * length for length in (254, NAME_BYTES_MAX)),
    *(b"\\" * length for length in (254, NAME_BYTES_MAX)),
    *("ä".encode() * length for length in (64, 127)),
    *(b"." * length for length in (254, NAME_BYTES_MAX)),
]
BYTES = [bytes((value,)) for value in range(256) if value not in b"\0./"]

# A file may have each of these.
POSSIBLE = sorted({*BYTES, *WORDS, *LENGTHS, *DEVICES, *(name + b".txt" for name in DEVICES)})

_PARTS = [b"", b".", b"..", b"a", b"etc", b"\xff", b"x" * 200]
# None of these is a name.
IMPOSSIBLE = sorted(
    {
        *(b"", b".", b".."),
        *(one + b"/" + other for one, other in product(_PARTS, _PARTS)),
        *(one + b"\0" + other for one, other in product(_PARTS, _PARTS)),
        *(b"../" * depth + b"outside/canary" for depth in range(1, 9)),
        *(b"a/" + b"../" * depth + b"outside/canary" for depth in range(1, 9)),
    }
)
# A repository may tell them; no file system takes them.
TOO_LONG = [b"x" * 256, b"\xff" * 256, b"x" * 300, b"y" * 4096, b"z" * 70_000]
