"""R55: a primary storage takes so many streams at once, for whatever assets and methods."""

from itertools import cycle

import pytest

from data_manager.core import events
from data_manager.core.effects import AskCapacity, Feed, SaveStorage
from data_manager.core.model import RunState
from data_manager.core.options import Method


def begin(talk, run_ids: str, storages: str, count: int, **options: object) -> None:
    """Backups of assets, each on its storage or all on one, whose crawls are over."""
    for run_id, storage in zip(run_ids.split(), cycle(storages.split(" ")), strict=False):
        talk.begin(run_id, storage=storage, **options)
    talk.crawl(run_ids, count)


def streams(talk, storage: str) -> int:
    return talk.orchestrator.state.storage_streams[storage]


@pytest.mark.parametrize("method", Method)
def test_r55_all_assets_of_a_storage_have_its_streams_together(talk, method):
    talk.tell(events.StorageLimited("nas", 3))
    begin(talk, "a b", "nas", 20, streams=9, method=method)
    talk.grant(talk.capacity(40))
    assert streams(talk, "nas") == 3
    assert talk.capacity(40) == []


def test_r55_other_storages_have_their_own(talk):
    talk.tell(events.StorageLimited("nas", 2))
    begin(talk, "a b", "nas san", 20, streams=5, slices_per_session=1)
    sessions = talk.capacity(40)
    assert sorted(session.run_id for session in sessions) == ["a"] * 2 + ["b"] * 5


def test_r55_an_asset_without_a_storage_has_no_limit_but_its_own(talk):
    talk.tell(events.StorageLimited("nas", 1))
    begin(talk, "a", "", 20, streams=9, slices_per_session=1)
    assert len(talk.capacity(40)) == 9


def test_r55_a_limit_is_kept(talk):
    talk.tell(events.StorageLimited("nas", 2))
    assert talk.disk.storages == {"nas": 2}
    begin(talk, "a", "nas", 20, streams=9)
    talk.restart()
    talk.grant(talk.capacity(40))
    assert streams(talk, "nas") == 2


def test_r55_a_higher_limit_is_used_at_once(talk):
    talk.tell(events.StorageLimited("nas", 1))
    begin(talk, "a", "nas", 20, streams=9, slices_per_session=1)
    talk.grant(talk.capacity(40))
    assert talk.tell(events.StorageLimited("nas", 3)) == [AskCapacity()]
    assert len(talk.capacity(40)) == 2


def test_r55_a_lower_limit_lets_go_on_what_runs(talk):
    begin(talk, "a", "nas", 20, streams=3, slices_per_session=1)
    sessions = talk.capacity(40)
    talk.grant(sessions)
    talk.tell(events.StorageLimited("nas", 2))
    assert streams(talk, "nas") == 3
    talk.work(sessions[0])
    assert talk.capacity(40) == []
    talk.work(sessions[1])
    assert len(talk.capacity(40)) == 1


def test_r55_none_is_no_limit(talk):
    talk.tell(events.StorageLimited("nas", 1))
    effects = talk.orchestrator.handle(events.StorageLimited("nas", 0), talk.now)
    assert SaveStorage("nas", 0) in effects
    begin(talk, "a", "nas", 20, streams=9, slices_per_session=1)
    assert len(talk.capacity(40)) == 9


def test_r55_sessions_are_not_fed_past_it(talk):
    """Three idle sessions of another storage's asset, and room for one stream."""
    talk.tell(events.StorageLimited("nas", 1))
    talk.begin("a", storage="san", streams=4, method=Method.CONTINUOUS)
    [crawl] = talk.capacity(1)
    talk.grant([crawl])
    talk.cut("a", 3, end=False)
    sessions = talk.capacity(3)
    talk.grant(sessions)
    for session in sessions:
        talk.tell(events.Initiated(session.session_id))
        talk.done(session.slice_ids[0])
    asked = talk.begin("b", storage="nas", streams=4, method=Method.CONTINUOUS)
    [feed] = [effect for effect in asked if isinstance(effect, Feed)]
    asked = talk.cut("b", 8)
    assert not [effect for effect in asked if isinstance(effect, Feed)]
    assert streams(talk, "nas") == 1
    asked = talk.done("b:0")
    [feed] = [effect for effect in asked if isinstance(effect, Feed)]
    assert [task.slice.number for task in feed.tasks][:1] == [1]
    assert streams(talk, "nas") == 1


def test_r55_every_run_ends_all_the_same(talk):
    begin(talk, "a b c", "nas", 9, streams=9, slices_per_session=2)
    talk.tell(events.StorageLimited("nas", 1))
    talk.finish(9)
    assert {talk.state(run_id) for run_id in "abc"} == {RunState.SUCCEEDED}
