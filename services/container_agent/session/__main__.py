"""The session process: `python -m container_agent.session --socket PATH --session-id ID`.

Its token comes as a line on standard input. It ends with 0 when all is done and committed, and
with 1 at once when its host agent is gone: then nobody can hear of what it does.
"""

import argparse
import asyncio
import logging
import os
import resource
import sys

from container_agent.session.link import Link, LinkBroken
from container_agent.session.runner import NotCommitted, Runner
from sluicegate.rpc.channel import connect
from sluicegate.rpc.logs import set_up_logs
from sluicegate.rpc.tracing import Tracing

# A walk keeps the directories of one path open, and paths may be deep.
OPEN_FILES = 16384

log = logging.getLogger(__name__)


def arguments() -> argparse.Namespace:
    """What the host agent says on the command line; nothing secret."""
    parser = argparse.ArgumentParser(prog="container-agent-session", description=__doc__)
    parser.add_argument("--socket", required=True, help="the host agent's unix socket")
    parser.add_argument("--session-id", required=True, help="which session this is")
    return parser.parse_args()


def raise_open_files() -> None:
    """Allows itself more open files, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def live(socket: str, session_id: str, token: str) -> int:
    """Runs the session; the exit code."""
    tracing = Tracing.from_environment("container-agent")
    channel = connect(f"unix:{socket}", tracing)
    code = 1
    try:
        await Runner(session_id, Link(channel), tracing).run(token)
        code = 0
    except* (LinkBroken, TimeoutError, NotCommitted) as failures:
        for failure in failures.exceptions:
            log.error("The session ends early: %s.", failure)
    return code


def main() -> None:
    """Ends without waiting for the working thread: it may hang in a file system that is gone."""
    given = arguments()
    set_up_logs("container-agent-session")
    raise_open_files()
    token = sys.stdin.readline().strip()
    code = 1
    try:
        code = asyncio.run(live(given.socket, given.session_id, token))
    except Exception:
        log.exception("The session ends by a fault of Sluicegate.")
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
