"""What a session's container may do, seen from inside and in what its engine shows."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import PASSWORD
from docker_deployment import Deployment, deployed, finished, until
from engines import Host
from trees import write_file

pytestmark = pytest.mark.slow
DAC_READ_SEARCH = 1 << 2
SECRET = "canary-of-an-object-store"
PROBE = """
import json, os, socket
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
def refused(act):
    try:
        act()
    except OSError as error:
        return error.strerror
    return "allowed"
def connect(address):
    with socket.create_connection(address, 2):
        pass
mounts = [line.split() for line in open("/proc/self/mountinfo").read().splitlines()]
kernel = ("/proc", "/sys", "/dev")
sockets = [os.path.join(d, f) for d, _, fs in os.walk("/run") for f in fs if f.endswith(".sock")]
print(json.dumps({
    "capabilities": {key: int(status[key], 16) for key in ("CapEff", "CapPrm", "CapBnd", "CapAmb")},
    "no_new_privileges": int(status["NoNewPrivs"]), "seccomp": int(status["Seccomp"]),
    "writes": {path: refused(lambda: open(path + "/probe", "w").close())
               for path in ("/", "/usr", "/etc", "/run", PRIMARY)},
    "mounts": {m[4]: m[5].split(",")[0] for m in mounts if not m[4].startswith(kernel)},
    "docker": [p for p in ("/var/run/docker.sock",) if os.path.exists(p)] + sockets,
    "routes": open("/proc/net/route").read().splitlines()[1:],
    "interfaces": os.listdir("/sys/class/net"),
    "connect": [refused(lambda: connect(address)) for address in ADDRESSES],
    "mknod": refused(lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0))),
    "kernel": refused(lambda: open("/proc/sys/kernel/hostname", "w").close()),
    "devices": sorted(name for name in os.listdir("/dev") if os.path.exists("/dev/" + name)),
}))
"""


@pytest.fixture
def deployment(tmp_path: Path, both: list[Host], monkeypatch) -> Iterator[Deployment]:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    asset = tmp_path / "asset"
    asset.mkdir()
    write_file(bytes(asset / "file"), 1 << 20, 1)
    secret = asset / "secret"
    secret.write_text("of another user")
    os.chown(secret, 1234, 1234)
    secret.chmod(0o600)
    # The last of an option that is given twice counts, and a mount is given by each.
    options = {"a": ("--warm-sessions", 1), "b": ("--warm-sessions", 1)}
    with deployed(tmp_path, both, restores=False, host_options=options) as made:
        yield made


def warm(host: Host) -> str:
    """A container that waits for a session."""
    until(lambda: len(host.containers()) == 1, what="a container is warm")
    return host.containers()[0]


def test_t16_t17_from_inside_there_is_nothing_but_what_reading_needs(
    deployment: Deployment, both: list[Host]
):
    a, b = both
    host, port = deployment.proxies.rsplit(":", 1)
    addresses = [
        (host, int(port)),
        ("127.0.0.1", int(port)),
        (b.address, 22),
        ("169.254.169.254", 80),
    ]
    primary = str(deployment.asset)
    code = f"PRIMARY = {primary!r}\nADDRESSES = {addresses!r}\n{PROBE}"
    found = json.loads(a.docker("exec", warm(a), "python3", "-c", code))
    wanted = {"CapEff", "CapPrm", "CapBnd"}
    assert {found["capabilities"][name] for name in wanted} == {DAC_READ_SEARCH}
    assert found["capabilities"]["CapAmb"] == 0
    assert (found["no_new_privileges"], found["seccomp"]) == (1, 2)
    assert set(found["writes"].values()) == {"Read-only file system"}
    assert found["docker"] == []
    assert (found["routes"], found["interfaces"]) == ([], ["lo"])
    assert "allowed" not in found["connect"]
    assert found["mknod"] == "Operation not permitted"
    assert found["kernel"] == "Read-only file system"
    assert not any(
        name.startswith(("sd", "vd", "mem", "kmsg", "loop")) for name in found["devices"]
    )
    named = {
        "/": "ro",
        "/tmp": "rw",
        primary: "ro",
        str(deployment.repository): "rw",
        "/run/sluicegate/birth": "ro",
        "/run/sluicegate/agent": "ro",
    }
    kernel_made = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}
    cache = {"/run/sluicegate/cache"}
    assert found["mounts"].keys() - kernel_made - cache == named.keys()
    assert {path: found["mounts"][path] for path in named} == named


def test_t16_what_the_engine_is_asked_for_is_this_and_no_more(
    deployment: Deployment, both: list[Host]
):
    asked = both[0].inspect(warm(both[0]))
    config = asked["HostConfig"]
    assert config["Privileged"] is False
    assert (config["CapDrop"], config["CapAdd"]) == (["ALL"], ["DAC_READ_SEARCH"])
    assert config["SecurityOpt"] == ["no-new-privileges"]
    assert config["ReadonlyRootfs"] is True
    assert (config["NetworkMode"], config["PidMode"], config["UsernsMode"]) == ("none", "", "")
    assert config["IpcMode"] == "private"
    assert not (config["Binds"] or config["Devices"] or config["VolumesFrom"] or config["Links"])
    assert (config["Memory"], config["MemorySwap"]) == (512 << 20, 512 << 20)
    assert config["PidsLimit"] == 128
    assert config["LogConfig"]["Config"] == {"max-size": "1048576", "max-file": "1"}
    assert asked["Image"].startswith("sha256:")
    assert asked["Config"]["Image"] == asked["Image"]
    assert asked["Config"]["User"] == "0:0"


def test_t22_no_secret_is_seen_by_who_asks_the_engine(deployment: Deployment, both: list[Host]):
    deployment.init()
    with deployment.backup("--streams", 2) as backup:
        shown = ""
        while backup.poll() is None:
            for host in both:
                for name in host.containers():
                    shown += host.docker("inspect", name, check=False)
                    shown += host.docker("logs", name, check=False)
                    shown += host.docker("top", name, check=False)
                    environ = ("cat", "/proc/1/environ", "/proc/1/cmdline")
                    shown += host.docker("exec", name, "python3", "-c",
                                         f"for f in {environ[1:]}: print(open(f).read())",
                                         check=False)  # fmt: skip
        assert finished(backup)["files"] == 2, "that of another user too"
    assert "sluicegate" in shown
    assert PASSWORD not in shown
    assert SECRET not in shown
