"""Key files: the master key, sealed by what scrypt makes of the password."""

import base64
import hashlib
import json
import os
import time
from typing import Any

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from container_agent.repository.crypto import MasterKey, Sealer
from container_agent.repository.errors import RepositoryDamaged, RepositoryMissing, WrongPassword
from container_agent.repository.identity import local_identity
from container_agent.repository.stores import Store
from container_agent.repository.times import format_time

# As costly to guess as OWASP asks for, within the 32 MiB that restic grants a key.
N, R, P = 1 << 15, 8, 3
SALT_BYTES = 64
KEY_BYTES = 64
# A hostile key file may not ask for more memory than this (128 · N · r bytes).
MEMORY_BYTES_MAX = 1 << 30
KEYS_MAX = 20


def password_key(password: bytes, salt: bytes, n: int, r: int, p: int) -> MasterKey:
    """The key that a password stands for."""
    if n < 2 or n & (n - 1) or 128 * n * r > MEMORY_BYTES_MAX or not 0 < p <= 64:
        raise RepositoryDamaged("A key file asks for scrypt parameters out of all bounds.")
    return MasterKey.of(Scrypt(salt=salt, length=KEY_BYTES, n=n, r=r, p=p).derive(password))


def create_key(store: Store, password: bytes) -> MasterKey:
    """Makes a new master key and writes its key file."""
    master = MasterKey.generate()
    salt = os.urandom(SALT_BYTES)
    sealed = Sealer(password_key(password, salt, N, R, P)).seal(
        json.dumps(master.to_json()).encode()
    )
    who = local_identity()
    document = {
        "created": format_time(time.time_ns()),
        "username": who.username,
        "hostname": who.hostname,
        "kdf": "scrypt",
        "N": N,
        "r": R,
        "p": P,
        "salt": base64.b64encode(salt).decode(),
        "data": base64.b64encode(sealed).decode(),
    }
    plain = json.dumps(document).encode()
    store.write(f"keys/{hashlib.sha256(plain).hexdigest()}", plain)
    return master


def open_key(store: Store, password: bytes) -> MasterKey:
    """The master key, by the first key file that the password opens. WrongPassword when none does;
    RepositoryDamaged when one that is damaged might have."""
    names = store.names("keys")
    if not names:
        raise RepositoryMissing(f"The repository at {store} has lost its key files.")
    damage: RepositoryDamaged | None = None
    for name in names[:KEYS_MAX]:
        key_file = store.read(f"keys/{name}")
        try:
            if (master := try_key(key_file, password)) is not None:
                return master
            if hashlib.sha256(key_file).hexdigest() != name:
                raise RepositoryDamaged("The key file is damaged: its name is not its hash.")
        except RepositoryDamaged as error:
            damage = RepositoryDamaged(f"keys/{name}: {error}")
    raise damage or WrongPassword(f"The password opens no key of the repository at {store}.")


def try_key(key_file: bytes, password: bytes) -> MasterKey | None:
    """The master key of one key file, or None when the password is not its own."""
    try:
        document: dict[str, Any] = json.loads(key_file)
        if document["kdf"] != "scrypt":
            return None
        salt, data = (base64.b64decode(document[field]) for field in ("salt", "data"))
        key = password_key(password, salt, document["N"], document["r"], document["p"])
    except (ValueError, KeyError, TypeError) as error:
        raise RepositoryDamaged(f"The key file is damaged ({error!r}).") from error
    try:
        opened = Sealer(key).open(data)
    except RepositoryDamaged:
        return None
    return MasterKey.from_json(json.loads(opened))
