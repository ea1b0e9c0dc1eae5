"""Puts something else in the place of a part of the cores, for as long as a context is entered."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

Mutant = Callable[[], AbstractContextManager[None]]
MUTANTS: dict[str, Mutant] = {}


@contextmanager
def put(place: Any, name: str, new: Any) -> Iterator[None]:
    """Something else in the place of one attribute, for a while."""
    old = vars(place)[name]
    setattr(place, name, new)
    try:
        yield
    finally:
        setattr(place, name, old)


def mutant(place: Any, name: str) -> Callable[[Callable[[Any], Any]], Mutant]:
    """Makes a mutant of a function that is given the whole one, and returns the broken one."""

    def make(broken: Callable[[Any], Any]) -> Mutant:
        def enter() -> AbstractContextManager[None]:
            return put(place, name, broken(vars(place)[name]))

        assert broken.__name__ not in MUTANTS
        MUTANTS[broken.__name__] = enter
        return enter

    return make


def nothing(*arguments: Any, **named: Any) -> None:
    """What a step does that is left out."""
