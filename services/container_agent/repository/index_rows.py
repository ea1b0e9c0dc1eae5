"""Rows of the index file of a host: blobs by the keyed hash of their ids, and where they lie,
enciphered. Who has the file and not the repository's key learns neither what is backed up nor how
long its parts are.
"""

import hmac
import struct
import threading
from array import array
from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from container_agent.repository.blobs import BlobKind
from container_agent.repository.index_documents import KINDS, ToldBlob, ids_of

KEY_BYTES = 16
# Pack number, offset, length, plain length; in the order of this machine, as the file is.
PLACE = struct.Struct("=4I")
ROW_BYTES = KEY_BYTES + PLACE.size

Told = Sequence[tuple[int, ToldBlob]]


class RowCiphers(threading.local):
    """What makes rows and reads them, with keys of their own for one repository; for any thread.

    A row's key is the CBC-MAC of the blob's id, of fixed length, so that nobody without the secret
    can make two alike. Its place is one block of AES: no two are the same, so none tells anything.
    """

    def __init__(self, secret: bytes) -> None:
        self._mac = [block_cipher(secret, b"%d ids" % kind).encryptor().update for kind in BlobKind]
        places = block_cipher(secret, b"places")
        self._seal_places, self._open_place = places.encryptor().update, places.decryptor().update

    def key_of(self, kind: BlobKind, blob_id: bytes) -> bytes:
        """What a blob's rows begin with."""
        mac = self._mac[kind]
        return mac(xor(mac(blob_id[:KEY_BYTES]), blob_id[KEY_BYTES:]))

    def place_of(self, row: bytes) -> tuple[int, int, int, int]:
        """Pack number, offset, length, plain length."""
        pack, offset, length, plain = PLACE.unpack(self._open_place(row[KEY_BYTES:]))
        return pack, offset, length, plain

    def rows_of(self, told: Told) -> list[bytes]:
        """The rows of blobs, given with the numbers of their packs. A row at a time would take ten
        times as long; RepositoryDamaged when an id is none."""
        rows: list[bytes] = []
        for word, kind in KINDS.items():
            if some := [one for one in told if one[1].type == word]:
                ids = ids_of([blob.id for _, blob in some])
                rows += joined(keys_of(self._mac[kind], ids), self._seal_places(places_of(some)))
        return rows


def block_cipher(secret: bytes, purpose: bytes) -> Cipher[modes.ECB]:
    """AES on single blocks, with a key of its own for each purpose."""
    return Cipher(algorithms.AES(hmac.digest(secret, purpose, "sha256")), modes.ECB())


def keys_of(mac: Callable[[bytes], bytes], ids: bytes) -> bytes:
    """The keys of many ids, each as by `key_of`."""
    words = array("Q", ids)
    halves = []
    for first in (0, 2):
        half = array("Q", bytes(len(ids) // 2))
        half[0::2], half[1::2] = words[first::4], words[first + 1 :: 4]
        halves.append(half.tobytes())
    return mac(xor(mac(halves[0]), halves[1]))


def places_of(told: Told) -> bytes:
    """The places of blobs, end to end, before they are enciphered."""
    places = array("I", bytes(PLACE.size * len(told)))
    places[0::4] = array("I", [number for number, _ in told])
    places[1::4] = array("I", [blob.offset for _, blob in told])
    places[2::4] = array("I", [blob.length for _, blob in told])
    places[3::4] = array("I", [blob.uncompressed_length for _, blob in told])
    return places.tobytes()


def joined(keys: bytes, places: bytes) -> list[bytes]:
    """Rows, each a key and a place."""
    rows = array("Q", bytes(len(keys) * 2))
    for at, part in enumerate((keys, places)):
        words = array("Q", part)
        rows[2 * at :: 4], rows[2 * at + 1 :: 4] = words[0::2], words[1::2]
    return rows_in(rows.tobytes())


def rows_in(rows: bytes) -> list[bytes]:
    """The rows of a string of them."""
    return [rows[at : at + ROW_BYTES] for at in range(0, len(rows), ROW_BYTES)]


def xor(one: bytes, two: bytes) -> bytes:
    """Two strings of the same length, bit by bit."""
    mixed = int.from_bytes(one, "little") ^ int.from_bytes(two, "little")
    return mixed.to_bytes(len(one), "little")
