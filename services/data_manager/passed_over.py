"""What a backup is asked to pass over, judged before anything begins."""

from collections.abc import Iterator

from sluicegate.patterns import EXCLUDES_BYTES_MAX, PatternInvalid, Patterns, tag_of
from sluicegate.rpc.refusals import InvalidMessage
from sluicegate.v1 import slice_pb2

FIELD = "options.excludes"


def encoded(excludes: slice_pb2.Excludes) -> bytes:
    """Excludes as they are kept for the sessions. InvalidMessage names all that mean nothing."""
    made = excludes.SerializeToString()
    if len(made) > EXCLUDES_BYTES_MAX:
        too_many = f"must be at most {EXCLUDES_BYTES_MAX >> 10} KiB, as it goes with each slice"
        raise InvalidMessage([(FIELD, too_many)])
    if found := list(_invalid(excludes)):
        raise InvalidMessage(found)
    return made


def _invalid(excludes: slice_pb2.Excludes) -> Iterator[tuple[str, str]]:
    """Each field that means nothing, and why."""
    told = (
        ("patterns", excludes.patterns, lambda pattern: Patterns([pattern])),
        ("insensitive_patterns", excludes.insensitive_patterns, lambda p: Patterns([p], True)),
        ("if_present", excludes.if_present, tag_of),
    )
    for name, values, read in told:
        for number, value in enumerate(values):
            try:
                read(value)
            except PatternInvalid as error:
                yield f"{FIELD}.{name}[{number}]", str(error)
