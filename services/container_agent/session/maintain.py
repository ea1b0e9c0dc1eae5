"""MAINTAIN: looks after a repository, alone in it."""

from collections.abc import Callable, Iterable

from container_agent.repository.repository import Repository
from container_agent.session.forget import forget
from container_agent.session.restic import Restic
from container_agent.session.tally import Tally
from container_agent.session.upkeep import check, prune
from sluicegate.v1 import maintenance_pb2

Judge = Callable[[Iterable[maintenance_pb2.Verdict]], None]


def maintain(
    work: maintenance_pb2.MaintainWork,
    repository: Repository,
    restic: Restic,
    judged: Judge,
    tally: Tally,
    *,
    again: bool = False,
) -> bytes:
    """Does it, perhaps again, without any hold on the repository but what it takes itself.
    RepositoryLocked while somebody else holds it."""
    match work.WhichOneof("work"):
        case "forget":
            forget(work.forget, repository, judged, tally, again=again)
            if work.forget.HasField("prune") and not work.forget.dry_run:
                prune(work.forget.prune, repository, restic, tally)
        case "prune":
            prune(work.prune, repository, restic, tally)
        case "check":
            check(work.check, repository, restic, tally)
        case kind:
            raise ValueError(f"maintenance of a kind that this version does not know: {kind}")
    return b""
