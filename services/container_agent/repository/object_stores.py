"""A repository's files as the objects of a bucket. Here alone the library for them is known.

An object is there whole or not at all, and durable when the store has said so; lists show what was
written before them, as S3, Google Cloud Storage and Azure promise. On that the locks rely.
"""

import os
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from container_agent.repository.errors import RepositoryDamaged, RepositoryExists, StorageAway
from container_agent.repository.locations import AMAZON_S3, BUDGET_SECONDS, ObjectPlace, Service
from container_agent.repository.object_failures import no_credentials, understood
from container_agent.repository.stores import KINDS, NAME

if TYPE_CHECKING:
    from obstore.store import AzureConfig, ClientConfig, RetryConfig, S3Config

T = TypeVar("T")
Client = S3Store | GCSStore | AzureStore

# A pack of 16 MiB over a bit more than 1 Mbit/s; then it is tried again.
WRITE_SECONDS = 120.0
# Without a byte for so long an answer will not come.
SILENT_SECONDS = 30.0
CONNECT_SECONDS = 10.0
TRIES_MAX = 30
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 10.0
PAGE = 1000
# Amazon's servers say in their names which region they sign for.
REGION = re.compile(r"https?://s3[.-](?:dualstack\.)?([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
ENDPOINT = {
    Service.S3: "AWS_ENDPOINT_URL",
    Service.GOOGLE: "GOOGLE_BASE_URL",
    Service.AZURE: "AZURE_STORAGE_ENDPOINT",
}


class ObjectStore:
    """A bucket, or a part of one. For any thread; not to be taken through a fork once used.

    A call is tried again while its fault may pass, for `budget_seconds`, after waits that grow to
    ten seconds; so it ends within twice the budget and one try. StorageAway when that was in vain.
    AccessDenied, and RepositoryMissing where there is no bucket, at once.
    """

    def __init__(self, place: ObjectPlace, budget_seconds: float = BUDGET_SECONDS) -> None:
        self._place, self._budget_seconds = place, budget_seconds
        # What is sent may take its time, and nothing comes back meanwhile.
        self._writing = client(place, budget_seconds, WRITE_SECONDS)
        self._reading = client(place, budget_seconds, SILENT_SECONDS)

    def __str__(self) -> str:
        return str(self._place)

    def create(self) -> None:
        """Nothing is to be made. RepositoryExists where other objects lie, RepositoryMissing where
        there is no bucket."""
        found = self._do("", self._reading.list_with_delimiter)
        others = [entry["path"] for entry in found["objects"]]
        others += [at for at in found["common_prefixes"] if at.strip("/") not in KINDS]
        if others:
            raise RepositoryExists(f"{self} is not empty; name a new or empty path.")

    def names(self, kind: str) -> list[str]:
        """The names of all files of a kind, in order. What has no such name is passed over."""
        paths = self._do(kind, lambda: self._paths(kind))
        found = (path.rpartition("/") for path in paths)
        return sorted(name for at, _, name in found if NAME.fullmatch(name) and is_at(at, name))

    def _paths(self, kind: str) -> list[str]:
        pages = self._reading.list(kind, chunk_size=PAGE)
        return [entry["path"] for page in pages for entry in page]

    def exists(self, name: str) -> bool:
        """Whether the file is there. Reads a byte of it, as only then is said why it cannot."""
        try:
            self._range(name, 0, 1)
        except FileNotFoundError:
            return False
        except RepositoryDamaged:
            # It is there, and empty.
            return True
        return True

    def read(self, name: str) -> bytes:
        """A whole file."""
        return self._do(name, lambda: self._reading.get(path(name)).bytes().to_bytes())

    def read_range(self, name: str, offset: int, length: int, ahead: int = 0) -> bytes:
        """A part of a file."""
        data = self._range(name, offset, length + ahead)
        if len(data) < length:
            raise RepositoryDamaged(f"{name} is too short.")
        return data

    def _range(self, name: str, offset: int, length: int) -> bytes:
        read = self._reading.get_range
        return self._do(name, lambda: read(path(name), start=offset, length=length).to_bytes())

    def write(self, name: str, data: bytes | list[bytes], *, new: bool = False) -> None:
        """Writes a file with one request: what is interrupted leaves nothing, not even hidden."""
        if new:
            self._write_new(name, data if isinstance(data, bytes) else b"".join(data))
        else:
            self._do(name, lambda: self._writing.put(path(name), data, use_multipart=False))

    def _write_new(self, name: str, data: bytes) -> None:
        try:
            self._do(name, lambda: self._writing.put(path(name), data, mode="create"))
        except FileExistsError:
            # It may be ours, written by a try whose answer was lost.
            if self.read(name) != data:
                raise

    def remove(self, name: str) -> None:
        """Removes a file."""
        with suppress(FileNotFoundError):
            self._do(name, lambda: self._writing.delete(path(name)))

    def _do(self, name: str, call: Callable[[], T]) -> T:
        """What a call answers. The library tries again only what is harmless to do twice for
        everybody; for us all is, as a name stands for its bytes."""
        deadline, wait_seconds = time.monotonic() + self._budget_seconds, FIRST_WAIT_SECONDS
        while True:
            try:
                with self._told(name):
                    return call()
            except StorageAway:
                if time.monotonic() + wait_seconds > deadline:
                    raise
            time.sleep(random.uniform(wait_seconds / 2, wait_seconds))
            wait_seconds = min(2 * wait_seconds, LONGEST_WAIT_SECONDS)

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        try:
            yield
        except AlreadyExistsError as error:
            raise FileExistsError(name) from error
        except (FileNotFoundError, BaseError) as error:
            raise understood(self._place, name, str(error)) from error


def path(name: str) -> str:
    """Where restic puts a file: packs by their first two digits."""
    kind, _, rest = name.partition("/")
    return f"data/{rest[:2]}/{rest}" if kind == "data" else name


def is_at(at: str, name: str) -> bool:
    """Whether a file lies where its kind lies, at that path and no deeper."""
    return (at in KINDS and at != "data") or at == f"data/{name[:2]}"


def client(place: ObjectPlace, budget_seconds: float, silent_seconds: float) -> Client:
    """A client of the store, with the credentials of the environment. AccessDenied when it has
    none that could be right."""
    prefix, retries = place.prefix or None, retry_config(budget_seconds)
    # Whatever hangs is tried again, where the budget is for a question and not for a slow pack.
    try_seconds = WRITE_SECONDS if budget_seconds >= BUDGET_SECONDS else budget_seconds / 2
    options = client_config(place, try_seconds, silent_seconds)
    try:
        match place.service:
            case Service.S3:
                return S3Store(
                    place.bucket, prefix=prefix, client_options=options, retry_config=retries,
                    config=server_of(place),
                )  # fmt: skip
            case Service.GOOGLE:
                return GCSStore(
                    place.bucket, prefix=prefix, client_options=options, retry_config=retries
                )
            case Service.AZURE:
                return AzureStore(
                    place.bucket, prefix=prefix, client_options=options, retry_config=retries,
                    config=account(),
                )  # fmt: skip
    except (BaseError, OSError, ValueError) as error:
        raise no_credentials(place) from error


def retry_config(budget_seconds: float) -> "RetryConfig":
    """How a call is tried again."""
    return {
        "max_retries": TRIES_MAX,
        "retry_timeout": timedelta(seconds=budget_seconds),
        "backoff": {
            "init_backoff": timedelta(seconds=FIRST_WAIT_SECONDS),
            "max_backoff": timedelta(seconds=LONGEST_WAIT_SECONDS),
            "base": 2,
        },
    }


def client_config(place: ObjectPlace, try_seconds: float, silent_seconds: float) -> "ClientConfig":
    """How one try goes."""
    server = place.endpoint or os.environ.get(ENDPOINT[place.service], "")
    return {
        "allow_http": server.startswith("http://"),
        "connect_timeout": timedelta(seconds=min(try_seconds, CONNECT_SECONDS)),
        "read_timeout": timedelta(seconds=min(try_seconds, silent_seconds)),
        "timeout": timedelta(seconds=try_seconds),
    }


def server_of(place: ObjectPlace) -> "S3Config":
    """Which server of S3, and the region it signs for where its name says that."""
    # To delete many at once is not known to every server, and never needed here.
    config: S3Config = {"disable_bulk_delete": True}
    if region := REGION.fullmatch(place.endpoint):
        config["region"] = region[1]
    if place.endpoint == AMAZON_S3:
        region_name = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        config["endpoint"] = f"https://s3.{region_name or 'us-east-1'}.amazonaws.com"
    elif place.endpoint:
        config["endpoint"] = place.endpoint
    return config


def account() -> "AzureConfig":
    """The account at Azure as restic's users name it; the library knows other names by itself."""
    config: AzureConfig = {}
    if name := os.environ.get("AZURE_ACCOUNT_NAME"):
        config["account_name"] = name
    if key := os.environ.get("AZURE_ACCOUNT_KEY"):
        config["account_key"] = key
    if signature := os.environ.get("AZURE_ACCOUNT_SAS"):
        config["sas_key"] = signature.removeprefix("?")
    return config
