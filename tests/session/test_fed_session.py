"""A session that is fed goes from slice to slice by itself, and says what happened in batches."""

import threading
import time
from pathlib import Path

from container_agent.session.waiting import WaitingSlices
from restore.session_process import session_process, until
from sluicegate.v1 import slice_pb2

SLICES = 1000
DEADLINE_SECONDS = 20.0


def some_slices(first: int, last: int) -> list[slice_pb2.Slice]:
    return [
        slice_pb2.Slice(slice_id=f"run:{number}", attempt=1, verify=slice_pb2.VerifyWork())
        for number in range(first, last)
    ]


async def test_outcomes_that_come_fast_go_up_together(tmp_path: Path):
    async with session_process(tmp_path) as session:
        agent = session.agent
        agent.start(tmp_path / "nowhere", b"secret", some_slices(0, 1), drain=False)
        await until(lambda: len(agent.ends()) == 1)
        for first in range(1, SLICES, 100):
            agent.feed(some_slices(first, min(first + 100, SLICES)))
        agent.drain()
        assert await session.exit_code(DEADLINE_SECONDS) == 0
        assert [end.slice_id for end in agent.ends()] == [f"run:{n}" for n in range(SLICES)]
        assert len(agent.said("outcomes")) < SLICES / 3


def test_nothing_is_given_out_before_the_begin():
    waiting = WaitingSlices()
    waiting.add(some_slices(0, 2))
    taken: list[slice_pb2.Slice | None] = []
    taking = threading.Thread(target=lambda: taken.append(waiting.take()))
    taking.start()
    assert not taken
    waiting.begin()
    taking.join(DEADLINE_SECONDS)
    assert [slice_.slice_id for slice_ in taken if slice_] == ["run:0"]


def test_who_waits_for_slices_waits_quietly_and_is_woken_by_what_comes():
    waiting = WaitingSlices()
    waiting.begin()
    taken: list[slice_pb2.Slice | None] = []
    cpu: list[float] = []

    def take_all() -> None:
        before = time.thread_time()
        while (slice_ := waiting.take()) is not None:
            taken.append(slice_)
        cpu.append(time.thread_time() - before)

    taking = threading.Thread(target=take_all)
    taking.start()
    waiting.add(some_slices(0, 3))
    waiting.add(some_slices(3, 4))
    waiting.drain()
    taking.join(DEADLINE_SECONDS)
    assert len(taken) == 4 and cpu[0] < 1.0


def test_what_waits_when_no_more_will_come_is_given_out_first():
    waiting = WaitingSlices()
    waiting.begin()
    waiting.add(some_slices(0, 2))
    waiting.drain()
    assert [slice_.slice_id for slice_ in iter(waiting.take, None)] == ["run:0", "run:1"]
    assert waiting.take() is None
