"""zstd, one compressor and one decompressor a thread, never more output than was declared."""

import threading

import zstandard

from container_agent.repository.errors import RepositoryDamaged

# Measured on text: level 2 stores as many bytes as restic's own default does.
LEVEL = 2
SAMPLE_BYTES = 64 << 10
# What a file of the repository's own (index, snapshot) may grow to.
DOCUMENT_BYTES_MAX = 256 << 20


class _Tools(threading.local):
    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()


_tools = _Tools()


def compress(data: bytes) -> bytes:
    """One frame."""
    return _tools.compressor.compress(data)


def compress_where_it_helps(data: bytes | memoryview) -> bytes | None:
    """One frame, or None where it would not be smaller; for large data a sample tells."""
    if len(data) > SAMPLE_BYTES:
        sample = _tools.compressor.compress(memoryview(data)[:SAMPLE_BYTES])
        if len(sample) > SAMPLE_BYTES * 0.98:
            return None
    packed = _tools.compressor.compress(data)
    return packed if len(packed) < len(data) else None


def decompress(packed: bytes | memoryview, length: int) -> bytes:
    """Exactly `length` bytes; RepositoryDamaged for anything else, before it takes memory."""
    try:
        declared = zstandard.frame_content_size(packed)
        if declared not in (-1, length):
            raise RepositoryDamaged(f"A frame of {declared} bytes was said to be of {length}.")
        plain = _tools.decompressor.decompress(packed, max_output_size=length)
    except zstandard.ZstdError as error:
        raise RepositoryDamaged(f"A compressed blob is damaged: {error}.") from error
    if len(plain) != length:
        raise RepositoryDamaged(f"A blob of {len(plain)} bytes was said to be of {length}.")
    return plain


def decompress_document(packed: bytes) -> bytes:
    """The bytes of one of the repository's own files, bounded."""
    try:
        if zstandard.frame_content_size(packed) > DOCUMENT_BYTES_MAX:
            raise RepositoryDamaged("A file of the repository is larger than any should be.")
        return _tools.decompressor.decompress(packed, max_output_size=DOCUMENT_BYTES_MAX)
    except zstandard.ZstdError as error:
        raise RepositoryDamaged(f"A file of the repository is damaged: {error}.") from error
