"""Index files: the JSON in which a repository names its packs and the blobs in them."""

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from container_agent.repository.errors import RepositoryDamaged
from container_agent.repository.packs import PackedBlob

ID_BYTES = 32
Word = Literal["data", "tree"]
WORDS: tuple[Word, Word] = ("data", "tree")
KINDS = {word: kind for kind, word in enumerate(WORDS)}
# restic keeps an index file well below 8 MiB; a blob takes about 150 bytes in it.
BLOBS_PER_FILE = 40_000
WrittenPack = tuple[bytes, list[PackedBlob]]
Id = Annotated[str, msgspec.Meta(min_length=64, max_length=64)]
Bytes = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]


class ToldBlob(msgspec.Struct, gc=False, omit_defaults=True):
    """A blob as an index file names it."""

    id: Id
    type: Word
    offset: Bytes
    length: Bytes
    uncompressed_length: Bytes = 0


class ToldPack(msgspec.Struct, gc=False):
    """A pack as an index file names it."""

    id: Id
    blobs: list[ToldBlob]


class Told(msgspec.Struct, gc=False):
    """An index file. Reading it into types checks it, and takes a sixth of the time of objects."""

    packs: list[ToldPack] | None


_index_files = msgspec.json.Decoder(Told)


def decode_index(document: bytes) -> list[ToldPack]:
    """The packs that an index file names; RepositoryDamaged when it is none."""
    try:
        return _index_files.decode(document).packs or []
    except (msgspec.MsgspecError, RecursionError) as error:
        raise damaged(error) from error


def ids_of(told: list[str]) -> bytes:
    """Ids of 64 characters each as bytes, end to end; RepositoryDamaged when one is none."""
    try:
        ids = bytes.fromhex("".join(told))
    except ValueError as error:
        raise damaged(error) from error
    if len(ids) != ID_BYTES * len(told):
        raise damaged(ValueError("spaces in an id"))
    return ids


def damaged(error: Exception) -> RepositoryDamaged:
    """What is said of an index file that is none."""
    return RepositoryDamaged(f"An index file is damaged: {error!r}.")


def encode_index(packs: Iterable[WrittenPack]) -> bytes:
    """The JSON of an index file that names these packs."""
    told = [ToldPack(pack_id.hex(), list(map(told_of, blobs))) for pack_id, blobs in packs]
    return msgspec.json.encode(Told(told))


def told_of(blob: PackedBlob) -> ToldBlob:
    """A blob as an index file names it."""
    kind, blob_id, offset, length, uncompressed_length = blob
    return ToldBlob(blob_id.hex(), WORDS[kind], offset, length, uncompressed_length)
