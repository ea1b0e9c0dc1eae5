"""What a forget is about: snapshots chosen and put into groups, each decided by itself. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from container_agent.repository.errors import RepositoryError
from container_agent.repository.forget_policy import (
    Policy,
    Verdict,
    decide,
    has_tags,
    is_checkpoint,
)
from container_agent.repository.snapshots import Snapshot


class KeepsNothing(RepositoryError):
    """A policy would leave nothing of a group, and nobody has said outright that it may."""


@dataclass(frozen=True)
class Filter:
    """Which snapshots: of one of the hosts, with all tags of one of the lists, with all the paths.
    What is empty is no matter."""

    hosts: tuple[str, ...] = ()
    tags: tuple[tuple[str, ...], ...] = ()
    paths: tuple[str, ...] = ()

    def takes(self, snapshot: Snapshot) -> bool:
        """Whether it is one of them."""
        return (
            (not self.hosts or snapshot.hostname in self.hosts)
            and (not self.tags or any(has_tags(snapshot, tags) for tags in self.tags))
            and set(self.paths) <= set(snapshot.paths)
        )


@dataclass(frozen=True)
class Group:
    """By what snapshots belong together; a policy is for each group by itself."""

    host: bool = True
    paths: bool = True
    tags: bool = False

    def key(self, snapshot: Snapshot) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        """The same for all of a group."""
        return (
            snapshot.hostname if self.host else "",
            tuple(sorted(snapshot.paths)) if self.paths else (),
            tuple(sorted(snapshot.tags)) if self.tags else (),
        )


def judge(
    snapshots: Iterable[Snapshot], policy: Policy, chosen: Filter, group: Group, now_ns: int
) -> list[list[Verdict]]:
    """What becomes of each snapshot, by groups in order of their keys. Checkpoints are left out."""
    groups: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[Snapshot]] = {}
    for snapshot in snapshots:
        if chosen.takes(snapshot) and not is_checkpoint(snapshot):
            groups.setdefault(group.key(snapshot), []).append(snapshot)
    return [decide(groups[key], policy, now_ns) for key in sorted(groups)]


def refuse_nothing_kept(groups: Sequence[Sequence[Verdict]]) -> None:
    """KeepsNothing when of some group nothing would be left."""
    for verdicts in groups:
        if not any(verdict.kept for verdict in verdicts):
            newest = verdicts[0].snapshot
            raise KeepsNothing(
                f"The policy keeps no snapshot of {newest.hostname}:{', '.join(newest.paths)}, of"
                f" which there are {len(verdicts)}; nothing was removed. Keep more, or say outright"
                " that all may go (--unsafe-allow-remove-all)."
            )
