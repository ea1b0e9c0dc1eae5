"""The small parts of the host role: load, passwords, relay, the private directory."""

import stat

import pytest

from container_agent.__main__ import RunDirectoryUnusable, private_socket
from container_agent.host.load import LoadMeter
from container_agent.host.passwords import PasswordMissing, find_password
from container_agent.host.relay import Relay, batches
from sluicegate.v1 import outcome_pb2

MEMORY = "MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  250 kB\n"


def outcome(number: int, message: str = "") -> outcome_pb2.Outcome:
    end = outcome_pb2.SessionEnd(message=message)
    return outcome_pb2.Outcome(session_id="s1", outcome_number=number, session_end=end)


def test_r80_load_is_what_was_not_idle_since_the_last_reading(tmp_path):
    stat_file = tmp_path / "stat"
    (tmp_path / "meminfo").write_text(MEMORY)
    stat_file.write_text("cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 1 1\n")
    meter = LoadMeter(tmp_path)
    stat_file.write_text("cpu  160 0 115 720 105 0 0 0 90 0\ncpu0 1 1 1\n")
    load = meter.read()
    assert (load.cpu, load.memory, load.pressure) == (0.75, 0.75, 0.0)
    assert meter.read().cpu == 0.0


def test_pressure_is_what_was_waited_for_most(tmp_path):
    (tmp_path / "stat").write_text("cpu  100 0 100 700 100 0 0 0 50 0\n")
    (tmp_path / "meminfo").write_text(MEMORY)
    (tmp_path / "pressure").mkdir()
    for of, percent in (("io", "12.50"), ("memory", "3.00")):
        lines = "".join(
            f"{kind} avg10={percent} avg60=9.00 avg300=9.00 total=9\n" for kind in ("some", "full")
        )
        (tmp_path / "pressure" / of).write_text(lines)
    assert LoadMeter(tmp_path).read().pressure == 0.125


def test_the_load_of_this_machine_is_a_share():
    load = LoadMeter().read()
    assert 0 <= load.cpu <= 1
    assert 0 < load.memory < 1


def test_a_password_is_taken_from_the_file_named_then_from_the_environment(tmp_path):
    file = tmp_path / "password"
    file.write_bytes(b" s3cret\n")
    everything = {
        "RESTIC_PASSWORD": "d",
        "RESTIC_PASSWORD_FILE": str(file),
        "SLUICEGATE_PASSWORD": "b",
    }
    assert find_password(file, everything) == b"s3cret"
    assert find_password(None, everything) == b"b"
    del everything["SLUICEGATE_PASSWORD"]
    assert find_password(None, everything) == b"s3cret"
    assert find_password(None, {"RESTIC_PASSWORD": " d "}) == b" d "


def test_a_missing_password_says_what_to_do(tmp_path):
    empty = tmp_path / "empty"
    empty.touch()
    for file, message in [
        (None, "give --password-file"),
        (tmp_path / "absent", "No such file or directory; name one"),
        (empty, "is empty"),
    ]:
        with pytest.raises(PasswordMissing, match=message):
            find_password(file, {})


def test_d6_a_relay_keeps_what_is_new_until_it_is_acknowledged():
    relay = Relay()
    assert [o.outcome_number for o in relay.keep([outcome(1), outcome(2)])] == [1, 2]
    assert [o.outcome_number for o in relay.keep([outcome(2), outcome(3)])] == [3]
    relay.acknowledge(2)
    assert ([o.outcome_number for o in relay], relay.acknowledged) == ([3], 2)
    assert relay.keep([outcome(1)]) == []
    assert not relay.full
    relay.keep([outcome(number) for number in range(4, 1027)])
    assert relay.full


def test_batches_fit_into_messages():
    assert list(batches([])) == []
    small = [len(batch) for batch in batches(outcome(n) for n in range(1, 601))]
    assert small == [256, 256, 88]
    large = list(batches(outcome(n, "x" * (200 << 10)) for n in range(1, 6)))
    assert [len(batch) for batch in large] == [2, 2, 1]


def test_t16_the_socket_lies_where_only_this_user_and_one_agent_reach_it(tmp_path):
    directory = tmp_path / "run"
    with private_socket(directory) as path:
        path.touch()
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        with (
            pytest.raises(RunDirectoryUnusable, match="another container agent"),
            private_socket(directory),
        ):
            pass
    assert not path.exists()
    with (
        pytest.raises(RunDirectoryUnusable, match="too long"),
        private_socket(tmp_path / ("x" * 99)),
    ):
        pass
    (tmp_path / "file").touch()
    with (
        pytest.raises(RunDirectoryUnusable, match="Not a directory"),
        private_socket(tmp_path / "file" / "run"),
    ):
        pass
