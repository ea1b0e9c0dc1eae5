"""The words of the commands that look after a repository: restic's, with restic's meanings."""

import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path

import click

from sluicegate.cli import words
from sluicegate.cli.choices import Calendar, Retention
from sluicegate.cli.sizes import parse_calendar
from sluicegate.cli.words_of_excludes import several
from sluicegate.rpc.options import Command, Words, option

COUNT_MOST = 1_000_000
UNUSED = re.compile(r"[0-9]{1,15}([.][0-9]{1,6})?%|[0-9]{1,15}[kKmMgGtT]?|unlimited", re.ASCII)
GROUPS = ("host", "paths", "tags")


def calendar(text: str) -> Calendar:
    """A time by the calendar; none when it is empty."""
    if not text:
        return Calendar()
    try:
        return Calendar(*parse_calendar(text))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def grouping(text: str) -> frozenset[str]:
    """What snapshots belong together by."""
    names = frozenset(name.strip() for name in text.split(",")) - {""}
    if unknown := names - frozenset(GROUPS):
        told = f"{', '.join(sorted(unknown))}: snapshots are grouped by {', '.join(GROUPS)}"
        raise click.BadParameter(told)
    return names


def unused(text: str) -> str:
    """How much may stay that is not used."""
    if not UNUSED.fullmatch(text):
        raise click.BadParameter(f"{text!r} is no limit; write it as 5%, 10G or unlimited")
    return text


def keep(letter: str, unit: str, told: str) -> Words:
    """How many of one kind are kept."""
    names = (f"--keep-{unit}", f"-{letter}")
    return words.count(*names, least=0, most=COUNT_MOST, default=0, show_default=False, help=told)


def within(name: str, told: str) -> Words:
    """How far back something is kept."""
    return option(name, metavar="TIME", type=calendar, default="", show_default=False, help=told)


WORDS = (
    keep("l", "last", "Keep the last N."),
    keep("H", "hourly", "Keep the last one of each of the last N hours that have one."),
    keep("d", "daily", "The same with days."),
    keep("w", "weekly", "The same with weeks."),
    keep("m", "monthly", "The same with months."),
    keep("y", "yearly", "The same with years."),
    within("--keep-within", "Keep those not older than this before the newest: 1y6m, 7d, 36h."),
    within("--keep-within-hourly", "Of those, the last one of each hour."),
    within("--keep-within-daily", "The same with days."),
    within("--keep-within-weekly", "The same with weeks."),
    within("--keep-within-monthly", "The same with months."),
    within("--keep-within-yearly", "The same with years."),
    several("--keep-tag", metavar="TAG[,TAG]", told="Keep those with all of these tags."),
    several("--host", metavar="HOST", told="Only snapshots of this host."),
    several("--tag", metavar="TAG[,TAG]", told="Only snapshots with all of these tags."),
    several("--path", metavar="PATH", told="Only snapshots of this path."),
    option(
        "--group-by",
        "-g",
        metavar="NAMES",
        type=grouping,
        default="host,paths",
        help="Apply the policy to snapshots of one host, paths, tags; '' to all together.",
    ),
    option("--dry-run", "-n", is_flag=True, help="Remove nothing; say what would be, and why."),
    option(
        "--unsafe-allow-remove-all",
        is_flag=True,
        help="Allow a policy that keeps nothing of a group.",
    ),
)


max_unused = option(
    "--max-unused",
    metavar="LIMIT",
    type=unused,
    show_default=False,
    help="What is not used and may stay: 5% (restic's default), 10G, unlimited.",
)


def retaining(command: Command) -> Command:
    """All of them, as one."""

    @wraps(command)
    def with_retention(
        keep_last: int,
        keep_hourly: int,
        keep_daily: int,
        keep_weekly: int,
        keep_monthly: int,
        keep_yearly: int,
        keep_within: Calendar,
        keep_within_hourly: Calendar,
        keep_within_daily: Calendar,
        keep_within_weekly: Calendar,
        keep_within_monthly: Calendar,
        keep_within_yearly: Calendar,
        keep_tag: tuple[str, ...],
        host: tuple[str, ...],
        tag: tuple[str, ...],
        path: tuple[str, ...],
        group_by: frozenset[str],
        dry_run: bool,
        unsafe_allow_remove_all: bool,
        **others: object,
    ) -> None:
        retention = Retention(
            last=keep_last,
            hourly=keep_hourly,
            daily=keep_daily,
            weekly=keep_weekly,
            monthly=keep_monthly,
            yearly=keep_yearly,
            within=keep_within,
            within_hourly=keep_within_hourly,
            within_daily=keep_within_daily,
            within_weekly=keep_within_weekly,
            within_monthly=keep_within_monthly,
            within_yearly=keep_within_yearly,
            keep_tags=tuple(map(tag_list, keep_tag)),
            hosts=host,
            tags=tuple(map(tag_list, tag)),
            paths=path,
            group_by=group_by,
            dry_run=dry_run,
            allow_none=unsafe_allow_remove_all,
        )
        command(retention=retention, **others)

    whole: Callable[..., None] = with_retention
    for word in reversed(WORDS):
        whole = word(whole)
    return whole


def tag_list(text: str) -> tuple[str, ...]:
    """Tags, as restic's users write several that belong together."""
    return tuple(tag.strip() for tag in text.split(","))


@click.command()
@click.argument("snapshots", metavar="[SNAPSHOT]...", nargs=-1, help="Remove these, by name.")
@words.repo
@retaining
@option("--prune", is_flag=True, help="Then prune, by the stock restic.")
@max_unused
@words.password_file
@words.as_json
@words.server
def forget(
    snapshots: tuple[str, ...],
    repo: str,
    retention: Retention,
    prune: bool,
    max_unused: str | None,
    password_file: Path | None,
    as_json: bool,
    server: str | None,
) -> None:
    """Remove the snapshots that a policy does not keep, of each host and paths by itself.

    Data that only they refer to stays until a prune.
    """
    from sluicegate.cli import commands

    commands.forget(
        snapshots,
        repo,
        retention,
        prune=prune,
        max_unused=max_unused or "",
        server=server,
        password_file=password_file,
        as_json=as_json,
    )


@click.command()
@words.repo
@max_unused
@words.password_file
@words.as_json
@words.server
def prune(
    repo: str,
    max_unused: str | None,
    password_file: Path | None,
    as_json: bool,
    server: str | None,
) -> None:
    """Remove the data that no snapshot refers to, by the stock restic on a proxy host.

    It must be alone in the repository: while a backup runs it is refused.
    """
    from sluicegate.cli import commands

    commands.prune(
        repo, max_unused or "", server=server, password_file=password_file, as_json=as_json
    )


@click.command()
@words.repo
@option("--read-data", is_flag=True, help="Also read all data back.")
@words.password_file
@words.as_json
@words.server
def check(
    repo: str,
    read_data: bool,
    password_file: Path | None,
    as_json: bool,
    server: str | None,
) -> None:
    """Check the repository by the stock restic on a proxy host, a program that we did not write.

    It must be alone in the repository; `verify` need not, and reads with all streams.
    """
    from sluicegate.cli import commands

    commands.check(repo, read_data, server=server, password_file=password_file, as_json=as_json)


COMMANDS = (forget, prune, check)
