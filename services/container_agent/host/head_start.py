"""What a host agent can have begun before anything else of it is loaded."""

from collections.abc import Callable

from container_agent.host.opened_keys import OpenedKeys
from container_agent.host.parent_program import SESSION_COMMAND, ParentProgram


class HeadStart:
    """The parent of the sessions, and the key of a repository where it is known which; both come
    about beside the rest. OSError when no process can be started."""

    def __init__(
        self,
        password: Callable[[], bytes],
        location: str = "",
        command: tuple[str, ...] = SESSION_COMMAND,
    ) -> None:
        self.keys = OpenedKeys(password)
        self.program = ParentProgram(command)
        if location:
            self.keys.begin(location)
