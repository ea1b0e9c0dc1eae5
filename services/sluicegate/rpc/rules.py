"""Which messages plainly keep the rules of the contracts, found out without protovalidate.

To load protovalidate takes longer than a small backup. Nearly every message is valid, and by rules
of few kinds, which are known here.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import Message

from buf.validate import validate_pb2

# Passed when what it returns is true.
Test = Callable[[Any], object]

# What makes a test of a rule's own value. A pattern is searched for in RE2; matching the whole
# text, and ASCII alone, is the stricter.
RULES: dict[str, Callable[[Any], Test]] = {
    "min_len": lambda least: lambda value: len(value) >= least,
    "max_len": lambda most: lambda value: len(value) <= most,
    "min_items": lambda least: lambda values: len(values) >= least,
    "max_items": lambda most: lambda values: len(values) <= most,
    "unique": lambda wanted: lambda values: not wanted or len(set(values)) == len(values),
    "gte": lambda least: lambda value: value >= least,
    "lte": lambda most: lambda value: value <= most,
    "not_in": lambda unwanted: lambda value: value not in unwanted,
    "prefix": lambda prefix: lambda value: value.startswith(prefix),
    "pattern": lambda pattern: re.compile(pattern, re.ASCII).fullmatch,
}


def plainly_valid(message: Message) -> bool:
    """True only when protovalidate would find nothing to say. False says nothing: the message may
    be invalid, or under a rule that is not known here."""
    return _passes(message, _message_tests(message.DESCRIPTOR))


def _passes(value: Any, tests: tuple[Test, ...]) -> bool:  # noqa: ANN401
    for test in tests:  # noqa: SIM110  # a generator would take half as long again
        if not test(value):
            return False
    return True


@cache
def _message_tests(descriptor: Descriptor) -> tuple[Test, ...]:
    if descriptor.GetOptions().HasExtension(validate_pb2.message):
        return (_unknown,)
    return (
        *(test for field in descriptor.fields for test in _field_tests(field)),
        *(test for oneof in descriptor.oneofs for test in _oneof_tests(oneof)),
    )


def _unknown(value: object) -> bool:
    return False


def _oneof_tests(oneof: OneofDescriptor) -> Iterator[Test]:
    rules = oneof.GetOptions().Extensions[validate_pb2.oneof]
    if rules.required:
        yield lambda message: message.WhichOneof(oneof.name) is not None


def _field_tests(field: FieldDescriptor) -> Iterator[Test]:
    rules = field.GetOptions().Extensions[validate_pb2.field]
    tests = _many(field, rules) if field.is_repeated else _one(field, rules)
    name = field.name
    if not field.has_presence:
        if rules.required:
            yield lambda message: bool(getattr(message, name))
        if tests:
            yield lambda message: _passes(getattr(message, name), tests)
        return

    def if_present(message: Any) -> bool:  # noqa: ANN401
        if not message.HasField(name):
            return not rules.required
        return _passes(getattr(message, name), tests)

    if tests or rules.required:
        yield if_present


def _many(field: FieldDescriptor, rules: Any) -> tuple[Test, ...]:  # noqa: ANN401
    """What a repeated field must pass as a whole."""
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return (_unknown,)
    of_each = _one(field, rules.repeated.items)
    each = (lambda values: all(_passes(value, of_each) for value in values),)
    return (*_of_kind(field, rules, leaving="items"), *(each if of_each else ()))


def _one(field: FieldDescriptor, rules: Any) -> tuple[Test, ...]:  # noqa: ANN401
    """What one value must pass."""
    inside = (plainly_valid,) if field.message_type is not None else ()
    return (*inside, *_of_kind(field, rules))


def _of_kind(field: FieldDescriptor, rules: Any, leaving: str = "") -> Iterator[Test]:  # noqa: ANN401
    """The tests that a field's rules make, those of one kind of value."""
    kind = rules.WhichOneof("type")
    if {rule.name for rule, _ in rules.ListFields()} - {kind, "required"}:
        yield _unknown
        return
    for rule, wanted in getattr(rules, kind).ListFields() if kind else ():
        if rule.name == "defined_only" and field.enum_type is not None:
            yield field.enum_type.values_by_number.__contains__
        elif rule.name != leaving:
            yield RULES[rule.name](wanted) if rule.name in RULES else _unknown
