"""Where the sessions of this host share what they know of repositories."""

import logging
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "SLUICEGATE_CACHE_DIRECTORY"

log = logging.getLogger(__name__)


def find_cache_directory(
    given: Path | None, environment: Mapping[str, str], *, in_containers: bool = False
) -> Path | None:
    """The directory that is named, else that of a variable, which is none when that is empty; else
    where caches of this user lie, if anybody says where.

    Containers are shown no directory that nobody has named: a host agent that is in a container
    itself would name one of its own, and the engine one of the host.
    """
    if given is not None:
        return given.absolute()
    if (named := environment.get(VARIABLE)) is not None:
        return Path(named).absolute() if named else None
    if in_containers:
        return None
    if caches := environment.get("XDG_CACHE_HOME"):
        return Path(caches).absolute() / "sluicegate"
    if home := environment.get("HOME"):
        return Path(home).absolute() / ".cache" / "sluicegate"
    return None


def made_cache(directory: Path | None) -> Path | None:
    """The directory, made if need be, so that it can be shown to containers; None when it cannot
    be made: then sessions do without."""
    try:
        if directory is not None:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        log.warning("Sessions have no cache: %s cannot be made (%s).", directory, error.strerror)
        return None
    return directory
