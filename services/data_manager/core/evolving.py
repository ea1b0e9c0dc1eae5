"""Frozen values made anew with changes, quickly: a slice is made anew five times in its life."""

from typing import TypeVar

T = TypeVar("T")


def evolve(value: T, **changes: object) -> T:
    """The same value with other fields, as `dataclasses.replace`, which calls the constructor and
    takes ten times as long. For plain dataclasses, which compute nothing when they are made."""
    made = object.__new__(type(value))
    fields = made.__dict__
    fields.update(value.__dict__)
    fields.update(changes)
    return made
