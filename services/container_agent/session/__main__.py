"""The program of the sessions: `python -m container_agent.session`, which the host agent starts.

It is the parent of which each session is a fork. A session ends with 0 when all is done and
committed, and with 1 at once when its host agent is gone: then nobody can hear of what it does.
"""

import asyncio
import gc
import logging
import os
import resource
import signal
import sys
from typing import NoReturn

from container_agent.host.birth import Birth
from container_agent.host.forking import born
from container_agent.session.link import Link, LinkBroken
from container_agent.session.runner import NotCommitted, Runner, load_work
from sluicegate.rpc.channel import connect
from sluicegate.rpc.logs import set_up_logs
from sluicegate.rpc.tracing import Tracing, load_if_wanted

# A walk keeps the directories of one path open, and paths may be deep.
OPEN_FILES = 16384
# A session makes objects by the million and hardly a cycle; Python would look for some every 700.
NEW_OBJECTS = 20_000

log = logging.getLogger(__name__)


def raise_open_files() -> None:
    """Allows itself more open files, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def live(birth: Birth) -> int:
    """Runs the session; the exit code."""
    tracing = Tracing.from_environment("container-agent")
    link = Link(lambda: connect(f"unix:{birth.socket}", tracing), birth.redial_seconds)
    code = 1
    try:
        await Runner(birth.session_id, link, tracing).run(birth.token)
        code = 0
    except* (LinkBroken, TimeoutError, NotCommitted) as failures:
        for failure in failures.exceptions:
            log.error("The session ends early: %s.", failure)
    return code


def prepare() -> None:
    """What every session needs before it is born."""
    gc.set_threshold(NEW_OBJECTS)
    # `restic unlock` asks with this signal whether the process that a lock names is alive.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    load_work()
    load_if_wanted()


def main() -> None:
    """The parent, and every session that it becomes."""
    prepare()
    run(born())


def run(birth: Birth) -> NoReturn:
    """Lives as a session, and ends without waiting for the working thread: it may hang in a file
    system that is gone."""
    set_up_logs("container-agent-session")
    raise_open_files()
    code = 1
    try:
        code = asyncio.run(live(birth))
    except Exception:
        log.exception("The session ends by a fault of Sluicegate.")
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
