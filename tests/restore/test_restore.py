"""What restic backed up comes back as it was, whatever slices it is cut into."""

import errno
import os
from pathlib import Path

import pytest

from compare import describe, differences
from container_agent.repository.errors import SnapshotUnknown
from container_agent.repository.repository import Repository
from container_agent.session.restore import restore
from container_agent.session.restore_walk import Selection
from container_agent.session.tally import Stopped, Tally
from container_agent.storage.write import TargetUnwritable, raise_if_fatal
from restore.restoring import (
    RANGE_BYTES,
    backed_up,
    cuts_of,
    finish,
    plan_for,
    restore_all,
    restore_slices,
)
from sluicegate.v1 import outcome_pb2, slice_pb2
from trees import make_tree

LARGE_BYTES = 21 << 20


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("restore") / "tree"
    make_tree(tree, 400, LARGE_BYTES)
    # The oracle keeps no link targets that are not UTF-8.
    odd = os.stat(tree / "odd")
    os.unlink(os.fsencode(tree) + b"/odd/link not utf-8")
    os.utime(tree / "odd", ns=(odd.st_mtime_ns, odd.st_mtime_ns))
    return tree


@pytest.fixture(scope="module")
def repository(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return backed_up(source, tmp_path_factory.mktemp("restore") / "repository")


def below(target: Path, source: Path) -> Path:
    return target / source.relative_to("/")


def test_a_tree_comes_back_as_it_was(source, repository, tmp_path):
    tally = restore_all(repository, plan_for(tmp_path))
    assert differences(describe(source), describe(below(tmp_path, source))) == []
    assert tally.unread == []
    regular = [entry for entry in describe(source).values() if entry.content]
    assert tally.files == len(regular)


def test_the_order_of_slices_does_not_matter(source, repository, tmp_path):
    plan = plan_for(tmp_path)
    cuts = cuts_of(repository, plan)
    assert len(cuts) > 15
    restore_slices(repository, plan, reversed(cuts))
    assert finish(repository, plan).unread == []
    assert differences(describe(source), describe(below(tmp_path, source))) == []


@pytest.mark.parametrize("slice_files", [1, 2, 1000])
def test_the_size_of_slices_does_not_matter(source, repository, tmp_path, slice_files):
    plan = plan_for(tmp_path, os.fsencode(source / "odd"))
    cutting = slice_pb2.Cutting(
        slice_bytes=1 << 16, slice_files=slice_files, range_bytes=RANGE_BYTES
    )
    restore_slices(repository, plan, cuts_of(repository, plan, cutting))
    finish(repository, plan)
    want = describe(source / "odd")
    got = describe(below(tmp_path, source) / "odd")
    # Its other name is not in what is restored.
    for tree in (want, got):
        for name in (b"plain", b"hard link"):
            assert tree[name].linked_with
            tree[name] = type(tree[name])(**(vars(tree[name]) | {"linked_with": ()}))
    assert differences(want, got) == []


def test_doing_it_again_over_itself_changes_nothing(source, repository, tmp_path):
    plan = plan_for(tmp_path)
    restore_all(repository, plan)
    assert restore_all(repository, plan).unread == []
    assert differences(describe(source), describe(below(tmp_path, source))) == []


def test_a_crawl_goes_on_after_any_cut(repository, tmp_path):
    plan = plan_for(tmp_path)
    cuts = cuts_of(repository, plan)
    for number in (0, len(cuts) // 2, len(cuts) - 2):
        rest = cuts_of(repository, plan, start=cuts[number].span.stop)
        assert rest == cuts[number + 1 :]


def test_what_no_slice_wrote_of_a_large_file_is_written_by_the_finish(source, repository, tmp_path):
    plan = plan_for(tmp_path)
    cuts = cuts_of(repository, plan)
    inside = [cut for cut in cuts if cut.span.start.offset_bytes]
    assert len(inside) >= 2
    restore_slices(repository, plan, [cut for cut in cuts if cut is not inside[1]])
    assert finish(repository, plan).unread == []
    assert differences(describe(source), describe(below(tmp_path, source))) == []


def test_only_what_is_included_is_restored(source, repository, tmp_path):
    place = source / "d00"
    for include in (os.fsencode(place), os.fsencode(place).lstrip(b"/"), b"d00"):
        target = tmp_path / str(len(include))
        assert restore_all(repository, plan_for(target, include)).unread == []
        assert os.listdir(below(target, source)) == ["d00"]
        assert differences(describe(place), describe(below(target, place))) == []


def test_one_file_is_restored(source, repository, tmp_path):
    include = os.fsencode(source / "large")
    assert restore_all(repository, plan_for(tmp_path, include)).files == 1
    assert os.listdir(below(tmp_path, source)) == ["large"]
    assert (below(tmp_path, source) / "large").read_bytes() == (source / "large").read_bytes()


@pytest.mark.parametrize("include", [b"/nowhere", b"d00/nowhere", b"large/below a file", b"../odd"])
def test_a_path_that_the_snapshot_does_not_hold_is_not_found(repository, tmp_path, include):
    with pytest.raises(SnapshotUnknown, match="The snapshot holds no"):
        cuts_of(repository, plan_for(tmp_path, include))


def test_what_is_in_the_way_gives_way_and_what_is_beside_stays(source, repository, tmp_path):
    place = below(tmp_path, source)
    place.mkdir(parents=True)
    (place / "odd").symlink_to("/etc")
    (place / "large").mkdir()
    (place / "beside").write_bytes(b"kept")
    assert restore_all(repository, plan_for(tmp_path)).unread == []
    assert (place / "beside").read_bytes() == b"kept"
    os.unlink(place / "beside")
    want = os.stat(source).st_mtime_ns
    os.utime(place, ns=(want, want))
    assert differences(describe(source), describe(place)) == []


def test_a_directory_that_holds_something_is_not_taken_away_for_a_file(
    source, repository, tmp_path
):
    place = below(tmp_path, source)
    (place / "large").mkdir(parents=True)
    (place / "large" / "kept").write_bytes(b"kept")
    unread = restore_all(repository, plan_for(tmp_path)).unread
    path = os.fsencode(source / "large").lstrip(b"/")
    assert [(name, reason) for name, reason, _ in unread] == [
        (path, outcome_pb2.UNREAD_REASON_IO_ERROR)
    ]
    assert (place / "large" / "kept").read_bytes() == b"kept"


def test_a_restore_stops_when_told(repository, tmp_path):
    tally = Tally()
    tally.stopping.set()
    selection = Selection(repository, plan_for(tmp_path))
    with pytest.raises(Stopped):
        for _ in selection.walk():
            tally.check()
    plan = plan_for(tmp_path)
    cut = cuts_of(repository, plan)[0]
    with pytest.raises(Stopped):
        work = slice_pb2.RestoreWork(plan=plan, span=cut.span, range_bytes=RANGE_BYTES)
        restore(work, repository, tally)


def test_a_target_without_room_ends_the_restore():
    with pytest.raises(TargetUnwritable, match="No space left"):
        raise_if_fatal(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    raise_if_fatal(OSError(errno.EACCES, os.strerror(errno.EACCES)))
