"""What sessions are told of a backup."""

from data_manager.assignments import Assignment
from data_manager.core.model import Request, Run, RunKind, Slice, SliceKind, SliceState, Task
from data_manager.work import work_message
from proxied import session_of


def assigned(kind: SliceKind) -> Assignment:
    run = Run("b", Request(RunKind.BACKUP, "/repo", source=b"/asset"))
    return Assignment(Task(run, Slice("b:0", "b", 0, kind, None, SliceState.RUNNING, 1)), "")


def test_the_crawl_and_the_seal_are_told_the_host_that_snapshots_bear():
    both = [assigned(SliceKind.CRAWL), assigned(SliceKind.SEAL)]
    crawl, seal = work_message(session_of("s"), both, "vault").slices
    assert (crawl.crawl.hostname, seal.seal.hostname) == ("vault", "vault")
