"""Checks a pack to its last bit."""

import hashlib
from dataclasses import dataclass, field

from container_agent.repository.blobs import Place
from container_agent.repository.crypto import Sealer
from container_agent.repository.errors import RepositoryDamaged
from container_agent.repository.index import Index
from container_agent.repository.packs import read_header, verify_blob
from container_agent.repository.stores import Store


@dataclass
class PackReport:
    """What was read of a pack, and what is wrong with it, a line each."""

    pack_id: bytes
    read_bytes: int = 0
    blobs: int = 0
    errors: list[str] = field(default_factory=list)


def verify_pack(store: Store, sealer: Sealer, index: Index, pack_id: bytes) -> PackReport:
    """Reads a pack as a whole; every fault is a line of the report, none an exception."""
    report, name = PackReport(pack_id), pack_id.hex()
    try:
        pack = store.read(f"data/{name}")
    except OSError as error:
        report.errors.append(f"pack {name[:16]} cannot be read: {error.strerror}")
        return report
    report.read_bytes = len(pack)
    if hashlib.sha256(pack).digest() != pack_id:
        report.errors.append(f"pack {name[:16]} is not what its name says")
    try:
        blobs = read_header(sealer, pack)
    except RepositoryDamaged as error:
        report.errors.append(f"pack {name[:16]}: {error}")
        return report
    view, elsewhere = memoryview(pack), 0
    for blob in blobs:
        try:
            sealed = view[blob.offset : blob.offset + blob.length]
            verify_blob(sealer, blob.blob_id, sealed, blob.uncompressed_length)
        except RepositoryDamaged as error:
            report.errors.append(f"pack {name[:16]}: {error}")
        place = Place(pack_id, blob.offset, blob.length, blob.uncompressed_length)
        elsewhere += place not in index.places(blob.kind, blob.blob_id)
        report.blobs += 1
    # A pack that no index names yet is one that a backup is writing.
    if elsewhere and (elsewhere < report.blobs or pack_id in index.pack_ids()):
        told = f"of {report.blobs} blobs {elsewhere} are not where an index says"
        report.errors.append(f"pack {name[:16]}: {told}")
    return report
