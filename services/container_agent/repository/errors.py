"""What can be wrong with a repository. The text of each is one line for a person."""

import errno


class RepositoryError(Exception):
    """Something is wrong with the repository or with what was asked of it."""


class RepositoryMissing(RepositoryError):
    """No repository lies at the location."""


class RepositoryExists(RepositoryError):
    """A repository, or something else, lies there already."""


class RepositoryVersion(RepositoryError):
    """The repository is of a version that is not 2."""


class WrongPassword(RepositoryError):
    """No key opens with the password."""


class RepositoryLocked(RepositoryError):
    """Somebody holds the repository exclusively."""


class RepositoryDamaged(RepositoryError):
    """Something in the repository is not what was written."""


class BlobMissing(RepositoryError):
    """The index names no such blob."""


class SnapshotUnknown(RepositoryError):
    """No repository snapshot, or no path in one, has that name."""


class SnapshotAmbiguous(RepositoryError):
    """Several repository snapshots begin with these digits."""


class StorageFull(RepositoryError):
    """Backup storage takes no more."""


class StorageAway(OSError):
    """Backup storage did not do it, however often it was asked; it may later."""

    def __init__(self, told: str) -> None:
        super().__init__(errno.EIO, told)

    def __str__(self) -> str:
        return str(self.strerror)
