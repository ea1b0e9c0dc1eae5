"""What an object store's refusals mean, each as one line for a person.

The store's own words are not passed on: they hold addresses, which may be signed.
"""

import errno
import os
import re

from container_agent.repository.errors import (
    RepositoryDamaged,
    RepositoryError,
    RepositoryMissing,
    StorageAway,
    StorageFull,
)
from container_agent.repository.locations import ObjectPlace, Service

STATUS = re.compile(r"status code: (\d{3})")
CODE = re.compile(r"<Code>(\w{1,60})</Code>")
NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted", "AccountNotFound")
FULL = ("QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "StorageQuotaExceeded")
SKEWED = ("RequestTimeTooSkewed", "RequestExpired")
ELSEWHERE = ("AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraint")
DENIED = ("401", "403")
THROTTLED = ("429", "503")
NO_ROOM = "507"
NO_SUCH_RANGE = "416"
# Where credentials are asked for when the environment has none.
METADATA = ("169.254.169.254", "169.254.170.2", "metadata.google.internal", "/metadata/")
# What names a broken connection, the narrower first.
BROKEN = (
    ("dns error", "its name is not known"),
    ("certificate", "its certificate is not trusted"),
    ("InvalidContentType", "it speaks no TLS; write http:// if that is meant"),
    ("ConnectionRefused", "connection refused"),
    ("ConnectionReset", "connection reset"),
    ("Timeout", "no answer in time"),
    ("TimedOut", "no answer in time"),
)
CREDENTIALS = {
    Service.S3: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    Service.GOOGLE: "GOOGLE_APPLICATION_CREDENTIALS",
    Service.AZURE: "AZURE_ACCOUNT_NAME and AZURE_ACCOUNT_KEY or AZURE_ACCOUNT_SAS",
}


class AccessDenied(RepositoryError):
    """The object store does not let us do what we must; more tries would not help."""


def understood(place: ObjectPlace, name: str, said: str) -> Exception:
    """What a failed call on a file means, by what the object store said."""
    status = found[1] if (found := STATUS.search(said)) else ""
    code = found[1] if (found := CODE.search(said)) else ""
    if code in NO_BUCKET:
        return RepositoryMissing(
            f"There is no bucket {place.bucket} for {place}; make it, or see how it is written."
        )
    if any(address in said for address in METADATA):
        return no_credentials(place)
    if status == "404":
        return not_found(name)
    if status == NO_SUCH_RANGE:
        return RepositoryDamaged(f"{name} is too short.")
    if code in FULL or status == NO_ROOM:
        return StorageFull(f"Backup storage is full: {place}. Make room there, or raise its quota.")
    if code in ELSEWHERE or status.startswith("3"):
        return AccessDenied(f"The bucket of {place} is in another region; set AWS_DEFAULT_REGION.")
    if code in SKEWED:
        return AccessDenied(
            f"{place} takes no request, as the clock of this host is wrong; set it."
        )
    if status in DENIED:
        return denied(place, code)
    return StorageAway(away(place, status, code, said))


def not_found(name: str) -> FileNotFoundError:
    """No such file, told as the system tells it."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)


def no_credentials(place: ObjectPlace) -> AccessDenied:
    """Nothing says who asks."""
    wanted = CREDENTIALS[place.service]
    return AccessDenied(f"There are no credentials for {place}: set {wanted} where sessions run.")


def denied(place: ObjectPlace, code: str) -> AccessDenied:
    """What is there does not suffice."""
    why = f" ({code})" if code else ""
    return AccessDenied(
        f"Access to {place} was denied{why}: see that {CREDENTIALS[place.service]} are right where "
        f"sessions run, and may list, read, write and delete there."
    )


def away(place: ObjectPlace, status: str, code: str, said: str) -> str:
    """Why it was asked in vain."""
    if status in THROTTLED:
        return f"{place} takes no more requests for now ({status} {code or 'slow down'})."
    if status:
        return f"{place} answers with an error ({' '.join(filter(None, (status, code)))})."
    why = next((told for sign, told in BROKEN if sign in said), "the connection broke")
    return f"{place} does not answer: {why}."
