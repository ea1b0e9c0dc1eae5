"""Where a repository's password is found when nobody can be asked. Never on a command line."""

from collections.abc import Mapping
from pathlib import Path

FILE_VARIABLES = ("SLUICEGATE_PASSWORD_FILE", "RESTIC_PASSWORD_FILE")
VARIABLES = ("SLUICEGATE_PASSWORD", "RESTIC_PASSWORD")


class PasswordMissing(Exception):
    """There is no password to be had."""


class PasswordUnreadable(PasswordMissing):
    """A file is named that holds none."""


def find_password(password_file: Path | None, environment: Mapping[str, str]) -> bytes:
    """The password: of the file that is named, else of a variable, ours before restic's.

    PasswordMissing when none is given, PasswordUnreadable when it cannot be read, or is empty.
    """
    if password_file is not None:
        return _read(password_file)
    for file_variable, variable in zip(FILE_VARIABLES, VARIABLES, strict=True):
        if file := environment.get(file_variable):
            return _read(Path(file))
        if password := environment.get(variable):
            return password.encode("utf-8", "surrogateescape")
    raise PasswordMissing(
        "no repository password: give --password-file, or set SLUICEGATE_PASSWORD_FILE"
        " or SLUICEGATE_PASSWORD"
    )


def _read(file: Path) -> bytes:
    # White space around it does not count, as with restic.
    try:
        password = file.read_bytes().strip()
    except OSError as error:
        raise PasswordUnreadable(
            f"cannot read the password file {file}: {error.strerror}; name one that can be read"
        ) from error
    if not password:
        raise PasswordUnreadable(f"the password file {file} is empty; write the password into it")
    return password
