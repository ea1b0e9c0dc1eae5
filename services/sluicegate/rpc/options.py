"""Options of Sluicegate's programs, all in one form. Nothing here imports what takes time."""

from collections.abc import Callable
from typing import Any

import click

Command = Callable[..., None]
Words = Callable[[Command], Command]
# As they are written by people; the data manager's own names have lines below instead of dashes.
QUEUE_POLICIES = (
    "fair",
    "random",
    "most-remaining",
    "least-remaining",
    "priority",
    "first-come",
)


def option(*names: str, **settings: Any) -> Words:  # noqa: ANN401  # as click takes them
    """An option; its help names its variable and its default."""
    return click.option(*names, **{"show_envvar": True, "show_default": True} | settings)


def listen(default: str, envvar: str) -> Words:
    """Where a service serves."""
    return option(
        "--listen",
        multiple=True,
        default=[default],
        envvar=envvar,
        help="Where to serve: host:port or unix:/path. May be given several times.",
    )


reflection = option(
    "--reflection/--no-reflection",
    default=True,
    envvar="SLUICEGATE_REFLECTION",
    help="Let clients list the services.",
)

queue_policy = option(
    "--queue-policy",
    type=click.Choice(QUEUE_POLICIES),
    default="fair",
    envvar="SLUICEGATE_QUEUE_POLICY",
    callback=lambda context, parameter, word: word.replace("-", "_"),
    help="Which asset gets the next free stream.",
)
