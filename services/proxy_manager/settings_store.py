"""What operators set, kept over restarts: the only thing that a proxy manager must not forget."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite

from proxy_manager.core.model import HostSettings

VERSION = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS host_settings (
  host_name    TEXT PRIMARY KEY,
  sessions_max INTEGER NOT NULL, -- 0: what the host says itself
  draining     INTEGER NOT NULL
) STRICT
"""
KEEP = "INSERT OR REPLACE INTO host_settings VALUES (?, ?, ?)"
FORGET = "DELETE FROM host_settings WHERE host_name = ?"
KEPT = "SELECT host_name, sessions_max, draining FROM host_settings ORDER BY host_name"


class DatabaseUnusable(Exception):
    """The database cannot be used; the message says why, in one line."""


class SettingsDatabase:
    """A SQLite database of one small table. SQLite's own default loses nothing in a power cut."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def keep(self, settings: HostSettings) -> None:
        """Keeps the settings of a host, durably when it returns."""
        row = (settings.host_name, settings.sessions_max, settings.draining)
        await self._connection.execute(KEEP, row)
        await self._connection.commit()

    async def forget(self, host_name: str) -> None:
        """Forgets the settings of a host, durably when it returns; none are no error."""
        await self._connection.execute(FORGET, (host_name,))
        await self._connection.commit()

    async def kept(self) -> list[HostSettings]:
        """All that is kept."""
        rows = await self._connection.execute_fetchall(KEPT)
        return [HostSettings(name, limit, bool(draining)) for name, limit, draining in rows]


@asynccontextmanager
async def settings_database(path: Path) -> AsyncIterator[SettingsDatabase]:
    """The database at a path, made if it is not there; DatabaseUnusable when it cannot be used."""
    try:
        async with aiosqlite.connect(path) as connection:
            await _set_up(connection, path)
            yield SettingsDatabase(connection)
    except sqlite3.Error as error:
        raise DatabaseUnusable(f"cannot use {path}: {error}; name another database") from error


async def _set_up(connection: aiosqlite.Connection, path: Path) -> None:
    async with connection.execute("PRAGMA user_version") as cursor:
        (version,) = await cursor.fetchone() or (0,)
    if version > VERSION:
        raise DatabaseUnusable(f"{path} is of a newer version; use the proxy manager that wrote it")
    if version == 0:
        await connection.execute(SCHEMA)
        await connection.execute(f"PRAGMA user_version = {VERSION}")
        await connection.commit()
