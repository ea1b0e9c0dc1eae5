"""Prune and full check, by the stock restic."""

import re
from collections.abc import Iterable

from container_agent.repository.repository import Repository
from container_agent.session.restic import Ended, Restic
from container_agent.session.tally import Tally
from container_agent.session.verify import list_damage
from sluicegate.v1 import maintenance_pb2

DAMAGED = "repository contains errors"
FATAL = "Fatal: "
FIGURES = re.compile(r"(total prune|remaining):\s+(.+)")


def prune(
    work: maintenance_pb2.PruneWork, repository: Repository, restic: Restic, tally: Tally
) -> None:
    """Removes what no snapshot refers to. RepositoryLocked while anybody else holds the
    repository."""
    words = ["prune"]
    if work.max_unused:
        words.append(f"--max-unused={work.max_unused}")
    ended = run(words, repository, restic, tally)
    if ended.code:
        raise ended.failure()
    found = [match for line in ended.printed if (match := FIGURES.fullmatch(line))]
    figures = {match[1]: " ".join(match[2].split()) for match in found}
    tally.told = last_of(ended.printed)
    if len(figures) == 2:
        tally.told = f"removed {figures['total prune']}, {figures['remaining']} remain"


def check(
    work: maintenance_pb2.CheckWork, repository: Repository, restic: Restic, tally: Tally
) -> None:
    """Checks all, with `read_data` each byte. What is damaged is listed. RepositoryLocked while
    anybody else holds the repository."""
    words = ["check", *(["--read-data"] if work.read_data else [])]
    ended = run(words, repository, restic, tally)
    if ended.code and not any(DAMAGED in line for line in ended.errors):
        raise ended.failure()
    tally.told = last_of(ended.printed)
    if ended.code:
        damages = [line for line in ended.errors if not line.startswith(FATAL)] or ended.errors
        for line in damages:
            list_damage(tally, "restic check", line)
        tally.unread_count += ended.errors_count - len(ended.errors)


def run(words: list[str], repository: Repository, restic: Restic, tally: Tally) -> Ended:
    """Runs restic, with nothing in its way that nobody holds."""
    repository.remove_forsaken_locks()
    return restic.run(words, tally)


def last_of(lines: Iterable[str]) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(list(lines)) if line.strip()), "")
