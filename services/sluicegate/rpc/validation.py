"""The rules of the fields, as they stand in the contracts, applied to a message."""

from typing import Any

from google.protobuf.message import Message

from sluicegate.rpc.refusals import InvalidMessage
from sluicegate.rpc.rules import plainly_valid

# In so much, protovalidate would have saved what it takes to load it.
PLAIN_BYTES = 256 << 10


class _Plainly:
    """Passes what is valid without protovalidate, until there was so much that loading it pays."""

    def __init__(self) -> None:
        self._left = PLAIN_BYTES

    def passes(self, message: Message) -> bool:
        """False when protovalidate is to be asked."""
        if self._left < 0:
            return False
        self._left -= message.ByteSize()
        return plainly_valid(message)


_plainly = _Plainly()


def check(message: Message) -> None:
    """Raises InvalidMessage, naming every field that breaks a rule."""
    if _plainly.passes(message):
        return
    import protovalidate

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
