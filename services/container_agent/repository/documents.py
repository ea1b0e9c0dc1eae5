"""The repository's own small files: JSON, compressed and sealed, named by their hash."""

import hashlib
import json
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from container_agent.repository.compression import compress, decompress_document
from container_agent.repository.crypto import Sealer
from container_agent.repository.errors import RepositoryDamaged
from container_agent.repository.stores import Store

COMPRESSED = b"\x02"
PLAIN_STARTS = (b"{", b"[")
# So many documents are read ahead; a few are read sooner than threads begin.
AHEAD = 4
FEW = 4


def save(store: Store, sealer: Sealer, kind: str, document: dict[str, Any]) -> bytes:
    """Writes a document durably; its id."""
    return save_json(store, sealer, kind, json.dumps(document, separators=(",", ":")).encode())


def save_json(store: Store, sealer: Sealer, kind: str, plain: bytes) -> bytes:
    """Writes a document that is JSON already, durably; its id."""
    sealed = sealer.seal(COMPRESSED + compress(plain))
    document_id = hashlib.sha256(sealed).digest()
    store.write(f"{kind}/{document_id.hex()}", sealed)
    return document_id


def load(store: Store, sealer: Sealer, kind: str, name: str) -> dict[str, Any]:
    """Reads a document. RepositoryDamaged when its bytes are not what its name says."""
    return parse(read(store, sealer, kind, name), f"{kind}/{name}")


def read(store: Store, sealer: Sealer, kind: str, name: str) -> bytes:
    """Reads a document as its JSON. RepositoryDamaged as by `load`."""
    sealed = store.read(f"{kind}/{name}")
    if hashlib.sha256(sealed).hexdigest() != name:
        raise RepositoryDamaged(f"{kind}/{name} is damaged: its name is not its hash.")
    return unpacked(sealer.open(sealed), f"{kind}/{name}")


def is_whole(store: Store, kind: str, name: str) -> bool:
    """Whether a file is what its name says. FileNotFoundError when it is gone."""
    return hashlib.sha256(store.read(f"{kind}/{name}")).hexdigest() == name


def read_many(store: Store, sealer: Sealer, kind: str, names: Sequence[str]) -> Iterator[bytes]:
    """Several documents, each as by `read`, in order; a few are under way at once."""
    if len(names) < FEW:
        yield from (read(store, sealer, kind, name) for name in names)
        return
    coming: deque[Future[bytes]] = deque()
    threads = ThreadPoolExecutor(AHEAD, thread_name_prefix="documents")
    try:
        for name in names:
            coming.append(threads.submit(read, store, sealer, kind, name))
            if len(coming) > AHEAD:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
    finally:
        threads.shutdown(cancel_futures=True)


def unpacked(plain: bytes, name: str) -> bytes:
    """A document's JSON from its opened bytes, compressed or, as older programs write it, not."""
    if plain[:1] == COMPRESSED:
        return decompress_document(plain[1:])
    if plain[:1] not in PLAIN_STARTS:
        raise RepositoryDamaged(f"{name} is of a format that is not known.")
    return plain


def parse(plain: bytes, name: str) -> dict[str, Any]:
    """A document from its opened bytes, or from its JSON."""
    plain = unpacked(plain, name)
    try:
        document = json.loads(plain)
    except ValueError as error:
        raise RepositoryDamaged(f"{name} is no JSON: {error}.") from error
    if not isinstance(document, dict):
        raise RepositoryDamaged(f"{name} is no JSON object.")
    return document
