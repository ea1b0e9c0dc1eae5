"""Seals and opens byte strings: AES-256-CTR, then Poly1305-AES, as the format wants them."""

import base64
import hmac
import os
import threading
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

from container_agent.repository.errors import RepositoryDamaged

IV_BYTES = 16
TAG_BYTES = 16
OVERHEAD_BYTES = IV_BYTES + TAG_BYTES
# Poly1305 clears these bits of r; the key is kept as it is used.
MASK = bytes.fromhex("ffffff0ffcffff0ffcffff0ffcffff0f")


@dataclass(frozen=True, repr=False)
class MasterKey:
    """The three secrets of a repository, or of a password."""

    encrypt: bytes
    k: bytes
    r: bytes

    @classmethod
    def generate(cls) -> "MasterKey":
        """A new key by chance."""
        return cls.of(os.urandom(64))

    @classmethod
    def of(cls, secret: bytes) -> "MasterKey":
        """A key out of 64 bytes, as scrypt yields them."""
        masked = bytes(one & two for one, two in zip(secret[48:64], MASK, strict=True))
        return cls(secret[:32], secret[32:48], masked)

    @classmethod
    def from_json(cls, value: dict[str, dict[str, str] | str]) -> "MasterKey":
        """A key as a key file holds it, once opened."""
        mac = value["mac"]
        assert isinstance(mac, dict)
        encrypt = base64.b64decode(str(value["encrypt"]))
        return cls(encrypt, base64.b64decode(mac["k"]), base64.b64decode(mac["r"]))

    @property
    def secret(self) -> bytes:
        """The 64 bytes that `of` makes the same key of."""
        return self.encrypt + self.k + self.r

    def to_json(self) -> dict[str, dict[str, str] | str]:
        """The key as a key file holds it, before it is sealed."""
        k, r = (base64.b64encode(part).decode() for part in (self.k, self.r))
        return {"mac": {"k": k, "r": r}, "encrypt": base64.b64encode(self.encrypt).decode()}


class Ciphers(threading.local):
    """The prepared ciphers of a thread: making them anew costs more than a small blob."""

    def __init__(self, key: MasterKey) -> None:
        counter = Cipher(algorithms.AES(key.encrypt), modes.CTR(bytes(IV_BYTES))).encryptor()
        self.restart, self.stream = counter.reset_nonce, counter.update
        # One block a time, so each use of the electronic code book stands alone.
        self.nonce = Cipher(algorithms.AES(key.k), modes.ECB()).encryptor().update


class Sealer:
    """Seals and opens with one key; for any thread."""

    def __init__(self, key: MasterKey) -> None:
        self._r = key.r
        self._root = key.encrypt + key.k
        self._ciphers = Ciphers(key)

    def derived(self, purpose: bytes) -> bytes:
        """A secret of 32 bytes for another purpose, which tells nothing of the key."""
        return hmac.digest(self._root, purpose, "sha256")

    def seal(self, plain: bytes | memoryview) -> bytes:
        """iv ‖ ciphertext ‖ tag, with a fresh iv."""
        iv = os.urandom(IV_BYTES)
        ciphers = self._ciphers
        ciphers.restart(iv)
        ciphertext = ciphers.stream(plain)
        tag = Poly1305.generate_tag(self._r + ciphers.nonce(iv), ciphertext)
        return b"".join((iv, ciphertext, tag))

    def open(self, sealed: bytes | memoryview) -> bytes:
        """The plain bytes. RepositoryDamaged when a bit of them is not as it was sealed."""
        self.check(sealed)
        return self.decrypt(sealed)

    def check(self, sealed: bytes | memoryview) -> None:
        """RepositoryDamaged when a bit is not as it was sealed."""
        view = whole(sealed)
        key = self._r + self._ciphers.nonce(view[:IV_BYTES])
        try:
            Poly1305.verify_tag(key, view[IV_BYTES:-TAG_BYTES], bytes(view[-TAG_BYTES:]))
        except InvalidSignature:
            raise RepositoryDamaged("A sealed byte string is not authentic.") from None

    def decrypt(self, sealed: bytes | memoryview) -> bytes:
        """The plain bytes of what was checked, or has a hash that will tell: anybody who can write
        on backup storage can change what comes out, bit by bit."""
        view, ciphers = whole(sealed), self._ciphers
        ciphers.restart(bytes(view[:IV_BYTES]))
        return ciphers.stream(view[IV_BYTES:-TAG_BYTES])


def whole(sealed: bytes | memoryview) -> memoryview:
    """What may be a sealed byte string; RepositoryDamaged when it is too short for one."""
    if len(sealed) < OVERHEAD_BYTES:
        raise RepositoryDamaged("A sealed byte string is too short.")
    return memoryview(sealed)
