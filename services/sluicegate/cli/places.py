"""Paths as a command is given them, as sessions must see them, and where a run happens."""

import os
import re
import stat
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path

from container_agent.host.head_start import HeadStart
from container_agent.repository.errors import RepositoryError
from container_agent.repository.locations import LocationInvalid, object_place, store_at
from sluicegate.cli.failures import CommandError, UsageError
from sluicegate.cli.passwords import find_password
from sluicegate.rpc.text import printable

OTHERS = re.compile(r"(sftp|rest|b2|swift|rclone):")
# Somebody sits and waits to hear that an address is wrong.
BUDGET_SECONDS = 10.0


def asset_path(given: str, server: str | None) -> bytes:
    """What to back up, absolute. On this machine it must be there and readable."""
    path = absolute(given, server)
    if server is None:
        _must_be_readable(path)
    return path


def repository_location(given: str, server: str | None) -> str:
    """The directory of a repository, absolute; in an object store, as it is given."""
    if OTHERS.match(given):
        raise UsageError(
            f"{given}: a repository lies in a directory, in S3, Google Cloud Storage or Azure;"
            " mount it, or give a path"
        )
    try:
        if object_place(given) is not None:
            return given
    except LocationInvalid as error:
        raise UsageError(str(error)) from None
    try:
        return absolute(given.removeprefix("local:"), server).decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{given}: the path of a repository must be UTF-8") from None


def absolute(given: str, server: str | None) -> bytes:
    """A path that means the same to sessions. Only those on this machine share our directory."""
    if not given:
        raise UsageError("a path is empty")
    if server is not None and not given.startswith("/"):
        raise UsageError(f"{given}: with --server a path must be absolute, as sessions see it")
    return os.path.abspath(os.fsencode(given))


def where(
    server: str | None, streams: int, repository: str, password_file: Path | None
) -> AbstractAsyncContextManager[str]:
    """A data manager's address: of the one at `server`, or of one for this command alone, whose
    sessions and key come about while everything else is still being loaded."""
    if server is not None:
        if password_file is not None:
            raise UsageError("--password-file: with --server its proxy hosts have the password")
        return nullcontext(server)
    must_be_repository(repository)
    password = find_password(password_file)
    return _embedded(streams, HeadStart(lambda: password, repository))


@asynccontextmanager
async def _embedded(streams: int, begun: HeadStart) -> AsyncIterator[str]:
    from sluicegate.embedded import embedded

    async with embedded(streams, begun) as address:
        yield address


def must_be_repository(location: str) -> None:
    """Told before anybody is asked for a password."""
    if object_place(location) is not None:
        return must_be_in_store(location)
    try:
        os.stat(os.path.join(location, "config"))
    except (FileNotFoundError, NotADirectoryError):
        raise CommandError(
            f"{location} is not a repository; run `sluicegate init --repo {location}` to make one"
        ) from None
    except OSError as error:
        raise CommandError(f"cannot read the repository {location}: {error.strerror}") from None


def must_be_in_store(location: str) -> None:
    """The same of an object store."""
    try:
        found = store_at(location, BUDGET_SECONDS).exists("config")
    except (RepositoryError, OSError) as error:
        raise CommandError(str(error)) from error
    if not found:
        raise CommandError(
            f"{location} is not a repository; run `sluicegate init --repo {location}` to make one"
        )


def _must_be_readable(path: bytes) -> None:
    shown = printable(path)
    try:
        found = os.stat(path, follow_symlinks=False)
    except OSError as error:
        raise CommandError(f"cannot back up {shown}: {error.strerror}") from None
    if stat.S_ISLNK(found.st_mode):
        return
    wanted = os.R_OK | (os.X_OK if stat.S_ISDIR(found.st_mode) else 0)
    if not os.access(path, wanted):
        raise CommandError(f"cannot back up {shown}: permission denied; run as a user who may read")
