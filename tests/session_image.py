"""The image of sessions, made of this machine's own Python and of what is installed for it.

No registry is needed, and what is tested is what is there: `docker import` of a root file system.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
UNUSED = shutil.ignore_patterns(
    "*.opt-?.pyc", "*.a", "test", "tests", "site-packages", "idlelib", "tkinter", "ensurepip",
    "config-*", "turtledemo", "lib2to3",
)  # fmt: skip
# What ldd does not find, as it is loaded by name.
LOADED = (
    "libnss_files.so.2", "libresolv.so.2", "libgcc_s.so.1", "libstdc++.so.6", "libpthread.so.0",
    "libdl.so.2", "librt.so.1",
)  # fmt: skip
LIBRARIES = (Path("/lib/x86_64-linux-gnu"), Path("/usr/lib/x86_64-linux-gnu"))
PIP_FILES = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
FILES = {"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "etc/group": "root:x:0:\n"}


def build(archive: Path) -> None:
    """Writes the root file system as a tar archive."""
    with _root(archive) as root:
        packages = _python(root)
        for file, path in _installed("sluicegate"):
            (packages / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, packages / path)
        services = Path(__file__).parents[1] / "services"
        for package in ("container_agent", "sluicegate", "buf"):
            shutil.copytree(services / package, packages / package, dirs_exist_ok=True)


def build_base(archive: Path) -> None:
    """The same with no package but pip, and with what this machine's pip is told of where packages
    are: in place of the base image that deploy/Dockerfile names."""
    with _root(archive) as root:
        packages = _python(root)
        pip = importlib.util.find_spec("pip")
        assert pip and pip.origin, "there is no pip here"
        shutil.copytree(Path(pip.origin).parent, packages / "pip")
        for file in filter(os.path.exists, PIP_FILES):
            (root / file[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(os.path.realpath(file), root / file[1:])


@contextmanager
def _root(archive: Path) -> Iterator[Path]:
    """A root file system, which is in the archive after the block."""
    root = archive.with_suffix(".root")
    yield root
    for name in ("bin", "tmp", "proc", "sys", "dev", "run", "etc", "lib64", "lib"):
        (root / name).mkdir(exist_ok=True)
    for path, text in FILES.items():
        (root / path).write_text(text)
    shutil.copy2(os.path.realpath("/bin/sh"), root / "bin/sh")
    _copy_libraries(root)
    subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
    shutil.rmtree(root)


def _python(root: Path) -> Path:
    """This machine's Python, without packages, and its restic; the directory for packages."""
    python, inside = Path(sys.base_prefix), root / "usr/local"
    shutil.copytree(python / "lib" / VERSION, inside / "lib" / VERSION, ignore=UNUSED)
    (inside / "bin").mkdir()
    shutil.copy2(python / "bin" / VERSION, inside / "bin" / VERSION)
    (inside / "bin/python3").symlink_to(VERSION)
    shutil.copy2(shutil.which("restic") or "", inside / "bin/restic")
    packages = inside / "lib" / VERSION / "site-packages"
    packages.mkdir()
    return packages


def _installed(distribution: str, seen: set[str] | None = None) -> Iterator[tuple[Path, Path]]:
    """The files of what a distribution needs, each with its place below site-packages."""
    seen = seen if seen is not None else set()
    for requirement in metadata.requires(distribution) or ():
        name = re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-")
        if "extra ==" in requirement or name in seen:
            continue
        seen.add(name)
        try:
            files = metadata.files(name) or ()
        except metadata.PackageNotFoundError:
            continue  # meant for another system
        for file in files:
            path = Path(str(file))
            if ".." not in path.parts and Path(file.locate()).is_file():
                yield Path(file.locate()), path
        yield from _installed(name, seen)


def _copy_libraries(root: Path) -> None:
    programs = [path for path in root.rglob("*") if path.suffix == ".so" or ".so." in path.name]
    programs += [path for path in (root / "usr/local/bin").iterdir() if not path.is_symlink()]
    told = subprocess.run(
        ["ldd", *programs, root / "bin/sh"], capture_output=True, text=True, check=False
    ).stdout
    found = {Path(path) for path in re.findall(r"=> (/\S+)", told)}
    found = {path for path in found if root not in path.parents}
    found |= {here for name in LOADED for place in LIBRARIES if (here := place / name).exists()}
    to = root / "lib/x86_64-linux-gnu"
    to.mkdir(parents=True)
    for library in found:
        shutil.copy2(os.path.realpath(library), to / library.name)
    loader = Path("/lib64/ld-linux-x86-64.so.2")
    shutil.copy2(os.path.realpath(loader), root / "lib64" / loader.name)
    (root / "etc/ld.so.conf").write_text("/lib/x86_64-linux-gnu\n/usr/local/lib\n")
    subprocess.run(["ldconfig", "-r", root], check=True)
