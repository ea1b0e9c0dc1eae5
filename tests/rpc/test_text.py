"""T27: names that strangers chose are inert where they are shown."""

import os
import subprocess
import sys

import pytest

from sluicegate.rpc.text import MESSAGE_LENGTH, one_line, printable

HOSTILE = ["a\nb", "\x1b[2J", "tab\t", "rtl \u202e gnp", "${jndi:ldap://x}", "\x00", "\x9b31m"]


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_can_move_the_cursor(name: str):
    shown = printable(name)
    assert shown.isprintable()
    assert "\n" not in shown


def test_different_names_stay_different():
    names = [
        b"a\nb",
        b"a\\nb",
        b"\xff",
        b"\\xff",
        "ä".encode(),
        "\udcff".encode("utf-8", "replace"),
    ]
    assert len({printable(name) for name in names}) == len(names)


def test_what_is_fine_stays_as_it_is():
    assert printable("Büro/Zeiten 2026.ods") == "Büro/Zeiten 2026.ods"
    assert printable(os.fsencode("日本")) == "日本"


def test_a_message_is_one_line_of_bounded_length():
    assert one_line("it is\n  so\t!") == "it is so !"
    assert len(one_line("x" * 5000)) == MESSAGE_LENGTH


def test_a_log_entry_is_one_line_with_its_traceback():
    program = (
        "import logging\n"
        "from sluicegate.rpc.logs import set_up_logs\n"
        "set_up_logs('proxy-manager')\n"
        "try: 1/0\n"
        "except ZeroDivisionError: logging.getLogger('x').exception('name \\x1b[2J\\n of a file')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    [line] = done.stderr.splitlines()
    assert "proxy-manager ERROR x: name \\x1b[2J\\n of a file" in line
    assert "ZeroDivisionError" in line
