"""Entries without what could give someone rights that he has not, for who does not trust them."""

import stat
from collections.abc import Iterable

from container_agent.session.restore_entries import SPECIAL_BITS, Entry

DEVICES = frozenset(("dev", "chardev"))
SETTING_IDS = sum(theirs for theirs, ours in SPECIAL_BITS if ours in (stat.S_ISUID, stat.S_ISGID))
# Capabilities among others.
SECURITY = "security."


def without_privileges(entries: Iterable[Entry]) -> list[Entry]:
    """The entries but for devices, each without setuid, setgid and attributes of the system's
    security. Owners stay: without the bits they give their rights to nobody else."""
    kept = [entry for entry in entries if entry.told.type not in DEVICES]
    for _, told in kept:
        told.mode &= ~SETTING_IDS
        if told.extended_attributes:
            told.extended_attributes = [
                attribute
                for attribute in told.extended_attributes
                if not attribute.name.startswith(SECURITY)
            ]
    return kept
