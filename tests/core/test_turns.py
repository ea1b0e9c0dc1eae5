"""Whose turn it is (R24 to R27): every policy, and that none lets an asset wait for ever which
does not say so in its name."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_manager.core.options import QueuePolicy
from data_manager.core.turns import (
    FAIR_AGE_SECONDS,
    PRIORITY_AGE_SECONDS,
    Contender,
    Turns,
)


class Table:
    """Assets that contend for streams, one stream after another."""

    def __init__(self, policy: QueuePolicy, *contenders: Contender, seed: int = 0) -> None:
        self.policy = policy
        self.contenders = {contender.run_id: contender for contender in contenders}
        self.given: dict[str, float] = {}
        self.jitter = random.Random(seed).random

    def turns(self) -> Turns:
        streams = Counter()
        for contender in self.contenders.values():
            streams[contender.share] += contender.streams
        return Turns(
            self.policy,
            self.contenders.values(),
            streams.__getitem__,
            lambda share: self.given.get(share, -math.inf),
            self.jitter,
        )

    def next(self, now: float = 0.0) -> str:
        """A round with one place: who gets it, who then has a stream more."""
        turns = self.turns()
        chosen = turns.next(lambda _: True)
        self.take(turns, chosen, now)
        return chosen.run_id

    def round(self, places: int, now: float = 0.0) -> list[str]:
        """A round with several places."""
        turns = self.turns()
        got = []
        for _ in range(places):
            chosen = turns.next(lambda _: True)
            self.take(turns, chosen, now)
            turns.put(chosen)
            got.append(chosen.run_id)
        return got

    def take(self, turns: Turns, chosen: Contender, now: float) -> None:
        turns.count(chosen, 1, now)
        chosen.remaining -= 1
        self.given[chosen.share] = now


def asset(run_id: str, **fields: object) -> Contender:
    """An asset of its own primary storage, which begins to wait at 0."""
    given = {
        "share": run_id, "streams": 0, "weight": 1, "priority": 0, "remaining": 100, "since": 0.0,
        "begun": sum(run_id.encode()),
    }  # fmt: skip
    return Contender(run_id, **{**given, **fields})


def test_r24_random_gives_every_queue_its_chance():
    assets = [asset(name) for name in "abcd"]
    table = Table(QueuePolicy.RANDOM, *assets)
    got = Counter(table.next() for _ in range(400))
    assert set(got) == set("abcd")
    assert min(got.values()) > 60


def test_r24_random_is_as_random_as_the_numbers_that_it_is_given():
    rounds = [
        [Table(QueuePolicy.RANDOM, *map(asset, "abcd"), seed=seed).next() for seed in range(20)]
        for _ in range(2)
    ]
    assert rounds[0] == rounds[1]
    assert len(set(rounds[0])) > 1


def test_r25_most_remaining_is_next():
    table = Table(
        QueuePolicy.MOST_REMAINING,
        asset("a", remaining=5),
        asset("b", remaining=7),
        asset("c", remaining=6),
    )
    assert [table.next() for _ in range(5)] == ["b", "c", "b", "a", "c"]


def test_r25_least_remaining_is_next():
    table = Table(QueuePolicy.LEAST_REMAINING, asset("a", remaining=5), asset("b", remaining=3))
    assert table.round(2) == ["b", "b"]


def test_r26_the_most_important_is_next():
    table = Table(
        QueuePolicy.PRIORITY, asset("a", priority=1), asset("b", priority=3), asset("c", priority=3)
    )
    assert table.next(now=1.0) == "b", "of equals the first that came"
    assert table.round(4, now=2.0) == ["c", "b", "c", "b"], "and then in turn"


def test_r26_a_flood_of_what_is_more_important_starves_nobody():
    """An hour in which a new asset of importance 5 comes every second, and one place."""
    low = asset("low", priority=0, begun=0)
    table = Table(QueuePolicy.PRIORITY, low)
    got = []
    for second in range(1, 3_600):
        name = f"high{second}"
        table.contenders[name] = asset(name, priority=5, since=float(second), begun=second)
        got.append(table.next(float(second)))
        del table.contenders[got[-1]]
        if got[-1] == "low":
            break
    assert got[-1] == "low"
    assert len(got) <= 5 * PRIORITY_AGE_SECONDS + 1, "six hundred seconds are one step"


def test_first_come_serves_whoever_began_first():
    table = Table(QueuePolicy.FIRST_COME, asset("b", begun=2, since=-100.0), asset("a", begun=1))
    assert table.round(3) == ["a", "a", "a"]


def test_r27_fair_gives_to_who_has_the_fewest_streams():
    table = Table(
        QueuePolicy.FAIR, asset("a", streams=2), asset("b", streams=1), asset("c", streams=4)
    )
    assert table.round(6) == ["b", "a", "b", "a", "b", "a"]


def test_r27_of_equals_who_waits_longest_is_next():
    table = Table(QueuePolicy.FAIR, asset("a", since=5.0), asset("b", since=4.0))
    assert table.next(now=6.0) == "b"


def test_r27_streams_follow_the_weights():
    table = Table(QueuePolicy.FAIR, asset("a", weight=3), asset("b", weight=1))
    assert Counter(table.round(40)) == {"a": 30, "b": 10}


def test_r27_who_waits_under_fair_is_next_in_the_end_whatever_others_have():
    """Age counts without a bound: a stream more is made up for by each minute."""
    old = asset("old", streams=10, since=0.0)
    for streams in range(10):
        other = asset("new", streams=streams, since=1_000.0)
        waited = (10 - streams) * FAIR_AGE_SECONDS
        other.since = waited - 1
        assert Table(QueuePolicy.FAIR, old, other).turns().next(lambda _: True) is other
        other.since = waited + 1
        assert Table(QueuePolicy.FAIR, old, other).turns().next(lambda _: True) is old


def test_r27_to_split_an_asset_in_a_hundred_does_not_raise_its_share():
    """A hundred parts on one storage have the turns of one; so for as long as anybody waits."""
    parts = [asset(f"part{n:02}", share="nas", begun=n) for n in range(100)]
    table = Table(QueuePolicy.FAIR, *parts, asset("whole", begun=1_000))
    got = Counter()
    for second in range(400):
        name = table.next(now=float(second))
        got["whole" if name == "whole" else "parts"] += 1
    assert got == {"whole": 200, "parts": 200}


def test_r27_the_parts_of_a_split_asset_take_turns_among_themselves():
    parts = [asset(f"part{n}", share="nas", begun=n) for n in range(5)]
    assert sorted(Table(QueuePolicy.FAIR, *parts).round(5)) == [part.run_id for part in parts]


def test_r27_a_heavy_asset_makes_its_storage_heavy_while_it_is_next():
    """It is put back with a lower rank than the one that is first then: that moves the storage."""
    heavy = asset("heavy", share="nas", weight=4)
    light = asset("light", share="nas", weight=1)
    table = Table(QueuePolicy.FAIR, heavy, light, asset("other", weight=1))
    got = Counter(table.round(36))
    assert got["heavy"] > got["light"]
    assert got["other"] >= 7


def test_those_that_cannot_be_used_keep_their_turn():
    table = Table(QueuePolicy.FAIR, asset("a"), asset("b", streams=1))
    turns = table.turns()
    assert turns.next(lambda one: one.run_id == "b").run_id == "b"
    assert turns.next(lambda one: False) is None
    assert turns.next(lambda one: True).run_id == "a"
    assert not turns


@pytest.mark.parametrize("policy", QueuePolicy)
@settings(deadline=None)
@given(data=st.data())
def test_r27_each_choice_is_the_same_as_if_all_were_ranked_anew(policy, data):
    """The heaps are only a faster way to find the least."""
    contenders = [
        Contender(
            f"r{number}",
            data.draw(st.sampled_from("xyz")),
            data.draw(st.integers(0, 3)),
            data.draw(st.integers(1, 3)),
            data.draw(st.integers(0, 2)),
            data.draw(st.integers(1, 5)),
            data.draw(st.sampled_from([0.0, 50.0, 100.0])),
            number,
        )
        for number in range(data.draw(st.integers(1, 6)))
    ]
    table = Table(policy, *contenders)
    table.jitter = lambda: 0.5
    turns = table.turns()
    for _ in range(12):
        unusable = data.draw(st.sets(st.sampled_from(sorted(table.contenders))))
        anew = table.turns().next(lambda one, no=unusable: one.run_id not in no)
        chosen = turns.next(lambda one, no=unusable: one.run_id not in no)
        assert chosen is anew
        if chosen is not None:
            table.take(turns, chosen, 200.0)
            turns.put(chosen)
