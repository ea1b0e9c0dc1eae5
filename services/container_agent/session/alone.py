"""The program of a container: `python -m container_agent.session.alone BIRTH`, one session.

It loads all that a session needs, opens the named pipe BIRTH, and so says that it is ready; it
waits there until its host agent says who it is. It ends when its host agent is gone before that.
"""

import os
import sys

from container_agent.host.birth import Birth, decode_birth
from container_agent.session.__main__ import prepare, run
from sluicegate.rpc.tracing import load_if_wanted


def await_birth(path: str) -> Birth | None:
    """What the host agent says; None when it is gone and has said nothing."""
    with open(path, "rb") as pipe:
        message = pipe.read()
    return decode_birth(message) if message else None


def main() -> None:
    """Becomes a session, once."""
    prepare()
    birth = await_birth(sys.argv[1])
    if birth is None:
        sys.exit("its host agent ended before it gave it work")
    os.environ.update(birth.environment)
    load_if_wanted()
    run(birth)


if __name__ == "__main__":
    main()
