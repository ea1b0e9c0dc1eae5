"""How often a busy stream speaks; in a time of its own."""

import asyncio

from sluicegate.rpc import pace
from sluicegate.rpc.pace import Pace


class Time:
    """A clock that goes on when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def test_who_speaks_seldom_never_waits():
    time = Time()
    turn = Pace(20, time)
    for _ in range(1000):
        before = time.now
        await turn.turn(1)
        assert time.now == before
        time.now += 0.011


async def test_a_burst_does_not_wait_and_what_goes_on_keeps_to_the_interval(monkeypatch):
    time = Time()
    monkeypatch.setattr(pace.asyncio, "sleep", time.sleep)
    turn = Pace(20, time)
    times = []
    for _ in range(120):
        await turn.turn(1)
        times.append(time.now - 1000)
    assert times[20] == 0
    assert times[21] > 0
    assert abs(times[119] - 0.99) < 0.001, "one each interval after the burst"


async def test_who_carries_much_gathers_for_longer(monkeypatch):
    time = Time()
    monkeypatch.setattr(pace.asyncio, "sleep", time.sleep)
    for carried, interval in ((12, 0.01), (20, 0.016), (256, 0.025)):
        turn = Pace(20, time)
        for _ in range(100):
            await turn.turn(carried)
        began = time.now
        for _ in range(100):
            await turn.turn(carried)
        assert abs((time.now - began) / 100 - interval) < 1e-6


async def test_after_a_rest_there_is_a_burst_again(monkeypatch):
    time = Time()
    monkeypatch.setattr(pace.asyncio, "sleep", time.sleep)
    turn = Pace(20, time)
    for _ in range(100):
        await turn.turn(1)
    time.now += 0.2
    before = time.now
    for _ in range(20):
        await turn.turn(1)
    assert time.now == before


async def test_it_waits_in_true_time_too():
    turn = Pace(1)
    async with asyncio.timeout(5):
        began = asyncio.get_running_loop().time()
        for _ in range(5):
            await turn.turn(1)
        assert asyncio.get_running_loop().time() - began >= 0.025
