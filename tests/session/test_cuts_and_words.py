"""Any tree, any cuts: the root that one slice makes. And words join whatever happens meanwhile."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from backing import RANGE_BYTES, asset_node, copied, sealed
from container_agent.repository.blobs import BlobKind
from container_agent.repository.repository import Repository
from container_agent.repository.trees import Node, decode_tree
from container_agent.session.crawl import entries
from container_agent.session.records import read_record
from container_agent.session.tally import Tally
from container_agent.session.walking import place_of, position_of, stop_of
from container_agent.session.words import Event, Word, word_of_nothing
from container_agent.storage.walk import Place
from sluicegate.v1 import slice_pb2

Tree = dict[bytes, Any]
NAMES = st.sampled_from([b"a", b"a.b", b"a-", b"b", b"\xff", b"long name", b"z"])
SIZES = st.sampled_from([0, 1, 700, RANGE_BYTES, 2 * RANGE_BYTES + 5])
LEAVES = st.one_of(SIZES, st.just(b"a target \xff"))
TREES = st.dictionaries(
    NAMES,
    st.recursive(LEAVES, lambda below: st.dictionaries(NAMES, below, max_size=4), max_leaves=10),
    max_size=4,
)
THROUGH = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def put(path: bytes, entry: Any) -> None:
    """Makes a file of a size, a link to a target, or a directory."""
    if isinstance(entry, dict):
        os.mkdir(path)
        for name, below in entry.items():
            put(os.path.join(path, name), below)
    elif isinstance(entry, bytes):
        os.symlink(entry, path)
    else:
        with open(path, "wb") as file:
            file.write(os.path.basename(path) * 40)
            file.truncate(entry)


def clear(path: bytes) -> None:
    """Removes whatever is there."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


@contextmanager
def source_of(tree: Tree) -> Iterator[bytes]:
    """The tree on disk."""
    with TemporaryDirectory() as above:
        root = os.path.join(os.fsencode(above), b"root")
        put(root, tree)
        yield root


def places_of(source: bytes) -> list[Place]:
    """Wherever a cut can be."""
    places = []
    cutting = slice_pb2.Cutting(range_bytes=RANGE_BYTES)
    work = slice_pb2.CrawlWork(source=source, cutting=cutting)
    for path, size in entries(work, Place(), Tally()):
        places += [Place(path, offset) for offset in range(0, max(size, 1), RANGE_BYTES)]
    return places[1:]


def spans_of(cuts: list[Place]) -> list[slice_pb2.Span]:
    """Spans end to end."""
    spans = []
    for start, stop in zip([Place(), *cuts], [*cuts, None], strict=True):
        span = slice_pb2.Span(start=position_of(start))
        if stop is not None:
            span.stop.CopyFrom(position_of(stop))
        spans.append(span)
    return spans


def chosen(data: st.DataObject, places: list[Place]) -> list[Place]:
    """Some of the places, in order."""
    return sorted(data.draw(st.sets(st.sampled_from(places)))) if places else []


def records_of(
    source: bytes, cuts: list[Place], repository: Repository
) -> list[slice_pb2.SliceRecord]:
    """The records of all slices."""
    tally = Tally()
    return [
        slice_pb2.SliceRecord(span=span, record_id=copied(source, span, repository, tally))
        for span in spans_of(cuts)
    ]


def no_directory(path: tuple[bytes, ...], empty: bool) -> None:
    """No directory is missing in a tree that nobody touches."""
    raise AssertionError(f"{path} is missing")


def joined(words: list[list[Event]]) -> list[Event]:
    """The words as one."""
    word = Word(lambda tree: sha256(tree).hexdigest(), no_directory)
    for events in words:
        word.feed(events)
    return list(word.events())


@THROUGH
@given(st.data())
def test_r18_any_cuts_lead_to_the_root_of_one_slice(
    shared_repository: Repository, data: st.DataObject
) -> None:
    with source_of(data.draw(TREES)) as source:
        roots = set()
        for cuts in ([], chosen(data, places_of(source)), places_of(source)):
            backup_id = os.urandom(8).hex()
            records = records_of(source, cuts, shared_repository)
            tally = Tally()
            snapshot_id = sealed(source, records, shared_repository, tally, backup_id)
            assert not tally.unread
            roots.add(asset_node(shared_repository, snapshot_id, source))
        assert len(roots) == 1


@THROUGH
@given(st.data())
def test_joining_words_is_associative(shared_repository: Repository, data: st.DataObject) -> None:
    def read(blob_id: bytes) -> bytes:
        return shared_repository.read_blob(BlobKind.DATA, blob_id)

    with source_of(data.draw(TREES)) as source:
        records = records_of(source, chosen(data, places_of(source)), shared_repository)
    words = [list(read_record(record.record_id, read)) for record in records]
    together = joined(words)
    assert len(together) == 1
    while len(words) > 1:
        first = data.draw(st.integers(0, len(words) - 2))
        words[first : first + 2] = [joined(words[first : first + 2])]
    assert words[0] == together


def shape(events: list[Event]) -> list[tuple[str, bytes, bool, bool]]:
    """A word without what was found."""
    return [
        (
            type(event).__name__,
            getattr(event, "name", b""),
            getattr(event, "first", False),
            getattr(event, "last", False),
        )
        for event in events
    ]


@THROUGH
@given(st.data())
def test_a_slice_of_what_has_vanished_has_the_shape_that_its_places_say(
    shared_repository: Repository, data: st.DataObject
) -> None:
    def read(blob_id: bytes) -> bytes:
        return shared_repository.read_blob(BlobKind.DATA, blob_id)

    with source_of(data.draw(TREES)) as source:
        cuts = chosen(data, places_of(source))
        for name in os.listdir(source):
            clear(os.path.join(source, name))
        records = records_of(source, cuts, shared_repository)
    for record in records[1:]:
        start, stop = place_of(record.span.start), stop_of(record.span)
        events = list(read_record(record.record_id, read))
        assert shape(events) == shape(list(word_of_nothing(start, stop)))


def nodes_below(repository: Repository, tree_id: bytes) -> Iterator[list[Node]]:
    """The nodes of a tree and of all below it."""
    nodes = decode_tree(repository.read_blob(BlobKind.TREE, tree_id))
    yield nodes
    for node in nodes:
        if node.subtree is not None:
            yield from nodes_below(repository, node.subtree)


@THROUGH
@given(st.data())
def test_whatever_happens_between_slices_there_is_a_sound_snapshot(
    shared_repository: Repository, data: st.DataObject
) -> None:
    with source_of(data.draw(TREES)) as source:
        places = places_of(source)
        records = []
        for span in spans_of(chosen(data, places)):
            record_id = b""
            if not records or data.draw(st.integers(0, 5)):
                record_id = copied(source, span, shared_repository, Tally())
            records.append(slice_pb2.SliceRecord(span=span, record_id=record_id))
            for path, _ in (
                data.draw(st.lists(st.sampled_from(places), max_size=3)) if places else ()
            ):
                put_instead(os.path.join(source, *path), data)
        backup_id = os.urandom(8).hex()
        snapshot_id = sealed(source, records, shared_repository, Tally(), backup_id)
    tree_id = shared_repository.find_snapshot(snapshot_id.hex()).tree
    for nodes in nodes_below(shared_repository, tree_id):
        names = [node.name for node in nodes]
        assert names == sorted(set(names))
        for node in nodes:
            assert node.type != "file" or node.size == size_of(shared_repository, node)


def put_instead(path: bytes, data: st.DataObject) -> None:
    """Replaces an entry by another or by nothing, where its directory is still there."""
    if os.path.isdir(os.path.dirname(path)):
        clear(path)
        entry = data.draw(st.one_of(st.none(), LEAVES, st.dictionaries(NAMES, LEAVES, max_size=2)))
        if entry is not None:
            put(path, entry)


def size_of(repository: Repository, node: Node) -> int:
    """The bytes of a file's blobs."""
    assert node.content is not None
    return sum(repository.size_of(BlobKind.DATA, blob_id) or 0 for blob_id in node.content)
