"""Where a repository lies, as people write it: a directory, or a place in an object store."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from container_agent.repository.errors import RepositoryMissing
from container_agent.repository.stores import LocalStore, Store

# How long one call of an object store is tried again, while its faults may pass. What lasts longer
# is waited for by the data manager: so no place is held meanwhile, and all wait together.
BUDGET_SECONDS = 15.0
SCHEME = re.compile(r"(s3|gs|azure|az):")
# Of all services the widest rule; each has narrower ones, and says so itself.
BUCKET = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]{0,221}")
SERVER = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
# Who asks, before the server; such a location is never repeated in a message.
KEYS = re.compile(r"(\w+:)?(//)?[^/]*@")
AMAZON_S3 = "https://s3.amazonaws.com"
AMAZON = (".amazonaws.com", ".amazonaws.com.cn")


class LocationInvalid(RepositoryMissing):
    """What is written names no place that could hold a repository."""


class Service(Enum):
    """The kinds of object store, and how a location in each is written."""

    S3 = "s3:https://server/bucket/path or s3://bucket/path"
    GOOGLE = "gs:bucket:/path or gs://bucket/path"
    AZURE = "azure:container:/path or azure://container/path"


SERVICES = {"s3": Service.S3, "gs": Service.GOOGLE, "azure": Service.AZURE, "az": Service.AZURE}


@dataclass(frozen=True)
class ObjectPlace:
    """A bucket, or a part of one. `prefix` has no slash at its ends and may be empty; `endpoint` is
    the URL of the server, empty for the service's own."""

    service: Service
    bucket: str
    prefix: str = ""
    endpoint: str = ""

    def __str__(self) -> str:
        at = f"{self.bucket}/{self.prefix}" if self.prefix else self.bucket
        if self.service is not Service.S3:
            scheme = "gs" if self.service is Service.GOOGLE else "azure"
            return f"{scheme}:{self.bucket}:/{self.prefix}"
        return f"s3:{self.endpoint}/{at}" if self.endpoint else f"s3://{at}"


def store_at(location: str, budget_seconds: float = BUDGET_SECONDS) -> Store:
    """The store at a location. In an object store a call is tried again for as long as given.

    LocationInvalid when it is none; AccessDenied when what the environment says of credentials
    cannot be right. Nothing is asked of the store yet.
    """
    place = object_place(location)
    if place is None:
        return LocalStore(location)
    # Only who needs it pays for it.
    from container_agent.repository.object_stores import ObjectStore

    return ObjectStore(place, budget_seconds)


def for_restic(location: str, environment: Mapping[str, str]) -> str:
    """A location as restic takes it, which knows no bucket without a server."""
    place = object_place(location)
    if place is None:
        return location
    if place.service is Service.S3 and not place.endpoint:
        place = replace(place, endpoint=environment.get("AWS_ENDPOINT_URL") or AMAZON_S3)
    return str(place)


def object_place(location: str) -> ObjectPlace | None:
    """What a location says of an object store; None when it is a path. LocationInvalid."""
    if (scheme := SCHEME.match(location)) is None:
        return None
    service, rest = SERVICES[scheme[1]], location[scheme.end() :]
    if not rest.isprintable() or KEYS.match(rest):
        raise LocationInvalid(
            "A location has no keys and no control characters in it; give keys by the environment."
        )
    if service is not Service.S3:
        bucket, path = halves(rest[2:], "/") if rest.startswith("//") else halves(rest, ":")
        return checked(ObjectPlace(service, bucket, path), location)
    bucket, path = halves(rest[2:], "/")
    if rest.startswith("//") and not is_server(bucket):
        return checked(ObjectPlace(service, bucket, path), location)
    return checked(on_server(rest), location)


def on_server(rest: str) -> ObjectPlace:
    """A place in S3 as restic's users write it, server first; https where they do not say."""
    protocol, found, after = rest.partition("://")
    if not found or protocol not in ("http", "https"):
        protocol, after = "https", rest.removeprefix("//")
    server, path = halves(after, "/")
    bucket, prefix = halves(path, "/")
    if not SERVER.fullmatch(server):
        bucket = ""
    return ObjectPlace(Service.S3, bucket, prefix, f"{protocol}://{server}")


def is_server(name: str) -> bool:
    """Whether what follows `s3://` is a server, as restic reads it, and not a bucket."""
    return ":" in name or name.endswith(AMAZON)


def halves(text: str, mark: str) -> tuple[str, str]:
    """What stands before the first mark, and what after it, without slashes at its ends."""
    before, _, after = text.partition(mark)
    return before, after.strip("/")


def checked(place: ObjectPlace, location: str) -> ObjectPlace:
    """The place, if it can be one. LocationInvalid."""
    parts = place.prefix.split("/") if place.prefix else []
    if not BUCKET.fullmatch(place.bucket) or {"", ".", ".."} & set(parts):
        raise LocationInvalid(f"{location} names no bucket and path; write {place.service.value}.")
    return place
