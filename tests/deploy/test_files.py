"""What lies in deploy/ says what the programs understand, and nothing else."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from commands import BIN
from container_agent.__main__ import container_agent
from data_manager.__main__ import data_manager
from proxy_manager.__main__ import proxy_manager
from sluicegate.cli.app import app

HERE = Path(__file__).parents[2]
DEPLOY = HERE / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PROGRAMS = {
    "container-agent": container_agent,
    "data-manager": data_manager,
    "proxy-manager": proxy_manager,
}
HARDENING = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "PrivateTmp": "yes",
    "Restart": "on-failure",
    "SystemCallFilter": "@system-service",
}
# Where a variable is of the deployment itself: compose takes it, not a program.
COMPOSE_ALONE = {
    "SLUICEGATE_RUN", "SLUICEGATE_CACHE", "SLUICEGATE_PASSWORD_SOURCE",
    "SLUICEGATE_DATA_MANAGER_PORT", "SLUICEGATE_PROXY_MANAGER_PORT",
}  # fmt: skip
PASSWORDS = {"SLUICEGATE_PASSWORD_FILE"}


def variables(command: click.Command) -> set[str]:
    """The variables that set a program's options."""
    found: set[str] = set()
    for parameter in command.params:
        said = parameter.envvar or ()
        found |= {said} if isinstance(said, str) else set(said)
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        found |= variables(inner)
    return found


def known() -> set[str]:
    return set().union(*map(variables, (*PROGRAMS.values(), app))) | PASSWORDS


def named(text: str) -> set[str]:
    return set(re.findall(r"\bSLUICEGATE_[A-Z_]+", text))


@pytest.mark.parametrize("name", ["compose.yaml", ".env.example", "README.md", "kubernetes.md"])
def test_every_variable_that_is_named_is_one_that_a_program_takes(name: str):
    assert named((DEPLOY / name).read_text()) - known() - COMPOSE_ALONE == set()


def test_all_that_compose_takes_has_its_line_in_the_example_of_its_environment():
    taken = dict(re.findall(r"\$\{([A-Z_]+):?[-?]([^}]*)\}", (DEPLOY / "compose.yaml").read_text()))
    lines = (DEPLOY / ".env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert set(taken) == set(given)
    keys = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert {k: v for k, v in taken.items() if k not in keys} == {
        k: v for k, v in given.items() if k not in keys
    }, "what the example says is the default"


def settings(unit: Path) -> Iterator[tuple[str, str]]:
    for line in unit.read_text().splitlines():
        if line and not line.startswith(("#", "[")):
            name, _, value = line.partition("=")
            yield name, value


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_runs_a_program_of_ours_hardened_and_by_its_own_variables(unit: Path):
    said = dict(settings(unit))
    program = said["ExecStart"].removeprefix("/opt/sluicegate/bin/")
    assert unit.stem == f"sluicegate-{program}"
    variables_set = {
        value.partition("=")[0] for name, value in settings(unit) if name == "Environment"
    }
    assert variables_set <= variables(PROGRAMS[program]) | PASSWORDS
    assert {name: said[name].split(" ")[0] for name in HARDENING} == HARDENING
    assert "StateDirectory" in said or "RuntimeDirectory" in said


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_systemd_finds_no_fault_with_the_units(tmp_path: Path):
    for unit in UNITS:
        text = unit.read_text().replace("/opt/sluicegate/bin", str(BIN))
        (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", *tmp_path.iterdir()],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_what_the_image_is_made_of_is_of_the_versions_that_are_tested():
    """Its lock files have, by hash, what the programs need of the one for developers."""
    tested = set(blocks((HERE / "requirements.lock").read_text()))
    project = tomllib.loads((HERE / "pyproject.toml").read_text())
    for lock, wanted in (
        ("requirements.lock", project["project"]["dependencies"]),
        ("build.lock", project["build-system"]["requires"]),
    ):
        taken = set(blocks((DEPLOY / lock).read_text()))
        assert taken < tested, lock
        needed = {re.split(r"[><=,\[]", line)[0] for line in wanted}
        assert needed <= {block.split("==")[0] for block in taken}, lock


def blocks(lock: str) -> list[str]:
    """Each requirement with its version and its hashes."""
    return [block.strip() for block in re.split(r"\n(?=\S)", lock) if "==" in block]
