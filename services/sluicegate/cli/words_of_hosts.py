"""The words of the commands that operators steer proxy hosts with."""

import click

from sluicegate.cli import words
from sluicegate.rpc.options import option

name = click.argument("name", metavar="HOST", help="Its name, as `sluicegate hosts` tells it.")


@click.command()
@click.argument("name", metavar="[HOST]", required=False, help="Only this one, and its sessions.")
@words.proxy_manager
@words.as_json
def hosts(name: str | None, proxy_manager: str, as_json: bool) -> None:
    """List the proxy hosts, their places, their load, and why they take no session."""
    from sluicegate.cli import hosts

    if name is None:
        hosts.show_all(proxy_manager, as_json=as_json)
    else:
        hosts.show(proxy_manager, name, as_json=as_json)


@click.command("limit-host")
@name
@click.argument("sessions", metavar="N", type=click.IntRange(0, 10_000), help="0: as it says.")
@words.proxy_manager
def limit_host(name: str, sessions: int, proxy_manager: str) -> None:
    """Say how many sessions a proxy host takes at once. A lower limit ends none."""
    from sluicegate.cli import hosts

    hosts.limit(proxy_manager, name, sessions)


@click.command("drain-host")
@name
@click.option("--wait", is_flag=True, help="Until no session is left on it.")
@option(
    "--timeout",
    "timeout_seconds",
    metavar="DURATION",
    type=words.duration,
    default="1h",
    help="How long to wait for that.",
)
@words.proxy_manager
def drain_host(name: str, wait: bool, timeout_seconds: int, proxy_manager: str) -> None:
    """Have a proxy host take no more sessions; those on it end with the slices they have."""
    from sluicegate.cli import hosts

    hosts.drain(proxy_manager, name, timeout_seconds if wait else None)


@click.command("resume-host")
@name
@words.proxy_manager
def resume_host(name: str, proxy_manager: str) -> None:
    """Have a drained proxy host take sessions again."""
    from sluicegate.cli import hosts

    hosts.resume(proxy_manager, name)


@click.command("remove-host")
@name
@words.proxy_manager
def remove_host(name: str, proxy_manager: str) -> None:
    """Forget a proxy host that will not be back, and what was set for it."""
    from sluicegate.cli import hosts

    hosts.remove(proxy_manager, name)


@click.command("announce-capacity")
@words.proxy_manager
def announce_capacity(proxy_manager: str) -> None:
    """Tell all who wait for places to ask again, as capacity was added."""
    from sluicegate.cli import hosts

    hosts.announce(proxy_manager)


COMMANDS = (hosts, limit_host, drain_host, resume_host, remove_host, announce_capacity)
