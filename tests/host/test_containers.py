"""What a host asks of its engine and what it makes of what it hears, without an engine."""

import os
import threading
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from container_agent.__main__ import container_agent
from container_agent.host.birth import Birth, decode_birth
from container_agent.host.container_plan import ContainerPlan
from container_agent.host.container_settings import for_sessions, settings_of
from container_agent.host.containers import in_words
from container_agent.host.control_group import ControlGroup
from container_agent.host.doors import Doors
from container_agent.host.engine import End
from container_agent.host.load import GroupMeter
from container_agent.host.mounts import (
    Mount,
    MountRefused,
    check_mounts,
    parse_mount,
    with_submounts,
)

MOUNTINFO = (
    "22 1 0:21 / / rw - ext4 /dev/a rw\n"
    "23 22 0:22 / /srv/share rw - nfs a:/b rw\n"
    "24 23 0:23 / /srv/share/deep rw - nfs a:/c rw\n"
    "25 23 0:24 / /srv/share/with\\040space rw - nfs a:/d rw\n"
    "26 22 0:25 / /srv/shared rw - nfs a:/e rw\n"
)


def test_a_mount_is_a_path_or_a_volume_at_a_path():
    assert parse_mount("/srv/a/", read_only=True) == Mount("/srv/a", "/srv/a", True)
    assert parse_mount("/srv/a:/b", read_only=False) == Mount("/srv/a", "/b", False)
    volume = parse_mount("nas_1:/srv/a", read_only=True)
    assert (volume.is_volume, volume.fields()["Type"]) == (True, "volume")


@pytest.mark.parametrize(
    "said",
    ["", "relative", "volume", "/a:relative", "../a:/b", "/a:/b:ro", "bad name:/a", "/", "/a:/",
     "/etc", "/a:/usr/local/lib", "/proc/1", "/a:/tmp", "/a:/run/sluicegate/agent", "/a/../etc"],
)  # fmt: skip
def test_t16_what_would_cover_the_images_own_is_refused_in_one_line(said: str):
    with pytest.raises(MountRefused) as refused:
        parse_mount(said, read_only=True)
    assert "\n" not in str(refused.value)


def test_mounts_do_not_lie_in_one_another_and_are_there(tmp_path: Path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    inner, outer = (Mount(str(p), str(p), True) for p in (tmp_path / "a" / "b", tmp_path / "a"))
    assert check_mounts([outer]) == (outer,)
    with pytest.raises(MountRefused, match="lie in one another"):
        check_mounts([outer, inner])
    with pytest.raises(MountRefused, match="is not a directory"):
        check_mounts([Mount(f"{tmp_path}/none", "/x", True)])


def test_what_is_mounted_beneath_primary_storage_is_read_only_too(tmp_path: Path):
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTINFO)
    share = Mount("/srv/share", "/inside", True)
    found = [(m.source, m.path, m.read_only) for m in with_submounts([share], table)]
    assert found == [
        ("/srv/share", "/inside", True),
        ("/srv/share/deep", "/inside/deep", True),
        ("/srv/share/with space", "/inside/with space", True),
    ]


def test_t16_a_host_that_takes_no_restores_gives_no_rights_for_them():
    reads = ContainerPlan("a", "sha256:1", (Mount("/a", "/a", True),))
    assert reads.capabilities == ("DAC_READ_SEARCH",)
    writes = ContainerPlan("a", "sha256:1", (Mount("/t", "/t", False, restores=True),))
    assert set(writes.capabilities) > {"DAC_READ_SEARCH", "CHOWN", "FOWNER"}
    config = reads.fields(Path("/r/door"), Path("/r/agent/sock"))["HostConfig"]
    assert isinstance(config, dict)
    assert (config["Privileged"], config["CapDrop"]) == (False, ["ALL"])


def test_a_door_opens_when_somebody_waits_and_says_who_he_is(tmp_path: Path):
    doors = Doors(tmp_path / "doors")
    path = doors.make("c1")
    assert doors.open("c1") is None
    heard: list[bytes] = []
    waiting = threading.Thread(target=lambda: heard.append(path.read_bytes()))
    waiting.start()
    while (door := doors.open("c1")) is None:
        pass
    birth = Birth("s1", "the token", "/sock", 60.0, {"AWS_ACCESS_KEY_ID": "key"})
    doors.tell(door, "c1", birth, "dm")
    waiting.join(10)
    assert decode_birth(heard[0]) == birth
    lives = doors.inhabitant("c1")
    assert lives is not None
    assert (lives.session_id, lives.data_manager_id) == ("s1", "dm")
    kept = b"".join(file.read_bytes() for file in (tmp_path / "doors").glob("*.session"))
    assert b"the token" not in kept
    assert b"key" not in kept
    doors.remove("c1")
    assert (list(doors.names()), doors.inhabitant("c1")) == ([], None)


def test_a_record_that_is_damaged_is_of_nobody(tmp_path: Path):
    doors = Doors(tmp_path / "doors")
    for text in ("", "{", "[]", '{"session_id": "s1"}'):
        (tmp_path / "doors" / "c1.session").write_text(text)
        assert doors.inhabitant("c1") is None


def test_f17_how_a_container_ended_is_told_in_words():
    assert "more memory than it may have" in in_words(End(137, True, "last words"))
    assert in_words(End(1, False, "last words")) == "last words"
    assert in_words(End(137, False, "")) == "the session was killed by SIGKILL"
    assert in_words(End(255, False, "")) == "the session ended with exit code 255"


def test_options_of_containers_mean_nothing_without_an_image():
    told = CliRunner().invoke(container_agent, ["--warm-sessions", "2"])
    assert told.exit_code == 2
    assert "--warm-sessions is for sessions in containers: give --image too" in told.output
    with pytest.raises(click.UsageError):
        settings_of({"image": "", "network": "storage"})


def test_t22_sessions_are_told_credentials_of_stores_and_no_password():
    everything = {"AWS_SECRET_ACCESS_KEY": "a", "SLUICEGATE_PASSWORD": "b", "PATH": "c"}
    assert for_sessions(everything) == {"AWS_SECRET_ACCESS_KEY": "a"}


def test_r80_a_control_group_is_measured_by_either_interface(tmp_path: Path):
    files = {
        "one/cpuacct/g/cpuacct.usage": "2000000000\n",
        "one/cpu/g/cpu.cfs_quota_us": "50000\n",
        "one/cpu/g/cpu.cfs_period_us": "100000\n",
        "one/memory/g/memory.usage_in_bytes": "1000\n",
        "one/memory/g/memory.stat": "cache 1\ntotal_inactive_file 300\ntotal_active_file 100\n",
        "one/memory/g/memory.limit_in_bytes": "1200\n",
        "one/unified/g/io.pressure": "some avg10=25.00 avg60=0.00 avg300=0.00 total=1\n",
        "two/g/cpu.stat": "usage_usec 2000000\nuser_usec 1\n",
        "two/g/cpu.max": "50000 100000\n",
        "two/g/memory.current": "1000\n",
        "two/g/memory.stat": "anon 1\ninactive_file 300\nactive_file 100\n",
        "two/g/memory.max": "1200\n",
        "two/g/io.pressure": "some avg10=25.00 avg60=0.00 avg300=0.00 total=1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for version in ("one", "two"):
        group = ControlGroup("g", tmp_path / version)
        assert (group.cpu_seconds(), group.cpus()) == (2.0, 0.5)
        assert (group.memory_bytes(), group.memory_max_bytes()) == (600, 1200)
        assert group.pressure("io") == 0.25
        load = GroupMeter(group).read()
        assert (load.cpu, load.memory, load.pressure) == (0.0, 0.5, 0.25)


def test_a_group_that_is_not_there_is_no_load(tmp_path: Path):
    group = ControlGroup("none", tmp_path)
    assert (group.cpu_seconds(), group.memory_bytes(), group.pressure("cpu")) == (None,) * 3
    assert group.cpus() == os.cpu_count()
