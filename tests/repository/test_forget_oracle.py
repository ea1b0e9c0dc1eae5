"""The stock restic decides as ours does, over snapshots and policies that seeds draw."""

import json
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from commands import environment, run
from container_agent.repository.forget_policy import Duration, Policy, Verdict
from container_agent.repository.forgetting import Filter, Group, judge
from container_agent.repository.repository import Repository
from container_agent.repository.snapshots import Snapshot
from container_agent.repository.stores import LocalStore
from repositories import SECRET, reopen

SNAPSHOTS = 240
POLICIES = 12
HOUR_NS = 3_600 * 10**9
ZONES = (0, 0, 60, 120, -300, 330, 765, -720)
TAGS = ("daily", "manual", "never touch", "ä")
COUNTS = ("last", "hourly", "daily", "weekly", "monthly", "yearly")


def drawn_snapshots(chance: random.Random, now_ns: int) -> list[Snapshot]:
    """Dense and sparse ones, some in the future, at least a second apart."""
    times, at_ns = [], now_ns + chance.choice((0, 30)) * HOUR_NS
    span_ns = HOUR_NS * chance.choice((1, 5, 20, 100, 500))
    for _ in range(SNAPSHOTS):
        at_ns -= chance.choice((chance.randrange(10**9, span_ns), HOUR_NS, 24 * HOUR_NS))
        times.append(at_ns)
    return [
        Snapshot(
            time_ns=time_ns,
            tree=bytes(32),
            paths=tuple(chance.sample(("/a", "/b", "/c c"), chance.choice((1, 1, 1, 2)))),
            hostname=chance.choice(("here", "here", "there")),
            tags=tuple(chance.sample(TAGS, chance.choice((0, 0, 1, 2)))),
            zone_minutes=chance.choice(ZONES),
        )
        for time_ns in times
    ]


def drawn_duration(chance: random.Random, some: int = 1) -> Duration:
    parts = (1, 5, chance.randrange(90), 30)
    return Duration(*(some * chance.choice((0, 0, 0, n)) for n in parts))


def drawn_policy(chance: random.Random) -> Policy:
    counts = {name: chance.choice((0, 0, 1, 2, 3, 7, 30)) for name in COUNTS}
    within = drawn_duration(chance)
    later = {
        f"within_{unit}": drawn_duration(chance, chance.choice((0, 0, 1))) for unit in COUNTS[1:]
    }
    tags = chance.choice(((), (), (("daily",),), (("manual", "ä"), ("never touch",)), (("",),)))
    policy = Policy(**counts, **later, within=within, tags=tags)
    return policy if policy else replace(policy, last=1)


def words(policy: Policy, chosen: Filter, group: Group) -> list[str]:
    """A policy as restic's command line has it."""
    given = [f"--keep-{name}={getattr(policy, name)}" for name in COUNTS if getattr(policy, name)]
    given += [f"--keep-within={policy.within}"] if policy.within else []
    for name in (f"within_{unit}" for unit in COUNTS[1:]):
        if found := getattr(policy, name):
            given.append(f"--keep-{name.replace('_', '-')}={found}")
    given += [f"--keep-tag={','.join(tags)}" for tags in policy.tags]
    given += [f"--host={host}" for host in chosen.hosts]
    given += [f"--path={path}" for path in chosen.paths]
    given += [f"--tag={','.join(tags)}" for tags in chosen.tags]
    parts = [name for name in ("host", "paths", "tags") if getattr(group, name)]
    return [*given, f"--group-by={','.join(parts)}"]


Decisions = dict[str, tuple[str, ...]]


def asked_of_restic(location: Path, given: list[str]) -> list[Decisions]:
    """What restic would do, by group: the reasons of each snapshot, none for what it removes."""
    command = ("restic", "--no-cache", "-r", location, "forget", "--dry-run", "--json", *given)
    printed = run(*command, env=environment({"TZ": "UTC"})).stdout
    groups = []
    # Of no group it prints nothing.
    for group in json.loads(printed or "[]"):
        decisions: Decisions = {each["id"]: () for each in group["remove"] or ()}
        for kept, reason in zip(group["keep"] or (), group["reasons"] or (), strict=True):
            assert kept["time"] == reason["snapshot"]["time"]
            decisions[kept["id"]] = tuple(reason["matches"])
        groups.append(decisions)
    return groups


def decisions_of(groups: list[list[Verdict]]) -> list[Decisions]:
    return [{v.snapshot.snapshot_id.hex(): v.reasons for v in verdicts} for verdicts in groups]


def in_order(groups: list[Decisions]) -> list[Decisions]:
    return sorted(groups, key=min)


@pytest.mark.parametrize("seed", range(4))
def test_restic_keeps_and_removes_the_same_for_the_same_reasons(tmp_path: Path, seed: int):
    chance, now_ns = random.Random(seed), time.time_ns()
    location = tmp_path / "repository"
    Repository.create(LocalStore(str(location)), SECRET)
    repository = reopen(location)
    for snapshot in drawn_snapshots(chance, now_ns):
        repository.save_snapshot(snapshot)
    saved = repository.snapshots()
    decided = 0
    for _ in range(POLICIES):
        policy, group = drawn_policy(chance), Group(*(chance.random() < 0.5 for _ in range(3)))
        chosen = Filter(
            hosts=chance.choice(((), (), ("there",), ("there", "here"))),
            tags=chance.choice(((), (), (("daily",), ("ä",)), (("",),))),
            paths=chance.choice(((), (), ("/a",), ("/b", "/a"))),
        )
        ours = decisions_of(judge(saved, policy, chosen, group, time.time_ns()))
        given = words(policy, chosen, group)
        assert in_order(ours) == in_order(asked_of_restic(location, given)), given
        decided += sum(map(len, ours))
    assert decided > 2 * SNAPSHOTS
