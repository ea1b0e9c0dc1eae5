"""The rules of the fields, as they stand in the contracts, applied to a message."""

from typing import Any

from google.protobuf.message import Message

from sluicegate.rpc.refusals import InvalidMessage
from sluicegate.rpc.rules import plainly_valid


def check(message: Message) -> None:
    """Raises InvalidMessage, naming every field that breaks a rule."""
    if plainly_valid(message):
        return
    import protovalidate  # takes long, and as a rule nobody sends what is wrong

    violations = protovalidate.collect_violations(message)
    if violations:
        raise InvalidMessage(
            [(_path(found.proto.field), found.proto.message) for found in violations]
        )


def _path(field: Any) -> str:  # noqa: ANN401  # protovalidate's own message, of another runtime
    return ".".join(map(_element, field.elements)) if field else "message"


def _element(element: Any) -> str:  # noqa: ANN401
    subscript = element.subscript
    return f"{element.field_name}[{subscript.value}]" if subscript else str(element.field_name)
