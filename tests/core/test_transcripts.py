"""Conversations with the orchestrator as text, in `tests/transcripts`.

Above the dashes what happens, below what is asked of others and how the runs stand.
`REWRITE=1 pytest tests/core/test_transcripts.py` writes what is below anew: read the difference.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from data_manager.core import events
from data_manager.core.effects import (
    AskCapacity,
    CancelSession,
    Drain,
    Effect,
    Feed,
    Initiate,
    Release,
    Reserve,
)
from data_manager.core.model import Failure, SliceState, Task
from data_manager.core.options import Method, SliceOrder

TRANSCRIPTS = sorted((Path(__file__).parents[1] / "transcripts").glob("*.txt"))
LINE = "----"


def ranges(numbers: Iterable[int]) -> str:
    """`1-8,17,close` for slice numbers in their order."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1 and number > 0:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(name(a) if a == b else f"{name(a)}-{name(b)}" for a, b in runs) or "-"


def name(number: int) -> str:
    return "close" if number < 0 else str(number)


def slice_name(task: Task) -> str:
    return f"{task.run.run_id}:{name(task.slice.number)}"


def value(text: str) -> object:
    """An option's value: a number, a choice by its name, or a text."""
    for choices in (Method, SliceOrder):
        if text in list(choices):
            return choices(text)
    return int(text) if text.isdigit() else text


class Scene:
    """A conversation told in lines."""

    def __init__(self, talk) -> None:
        self.talk = talk

    def play(self, line: str) -> Iterator[str]:
        """Has a line happen; what follows from it."""
        word, *words = line.split()
        before = {run_id: run.state for run_id, run in self.talk.disk.runs.items()}
        asked = getattr(self, f"on_{word}")(*words)
        yield from filter(None, map(self.show, asked))
        for run_id, run in self.talk.disk.runs.items():
            if run.state is not before.get(run_id, run.state):
                yield f"{run_id} is {run.state}"

    def show(self, effect: Effect) -> str:
        match effect:
            case AskCapacity():
                return "ask capacity"
            case Reserve(sessions):
                return "reserve " + " ".join(map(self.show_session, sessions))
            case Initiate(session):
                return f"initiate {self.show_session(session)}"
            case Feed(session_id, tasks):
                return " ".join(["feed", self.short(session_id), *map(slice_name, tasks)])
            case Drain(session_id):
                return f"drain {self.short(session_id)}"
            case Release(session_ids):
                return "release " + " ".join(map(self.short, session_ids))
            case CancelSession(session_id):
                return f"cancel {self.short(session_id)}"
        return ""

    def show_session(self, session) -> str:
        return f"{self.short(session.session_id)}({ranges(self.talk.numbers(session))})"

    def standings(self) -> Iterator[str]:
        for run_id, live in self.talk.orchestrator.state.lives.items():
            tally = self.talk.tally(run_id)
            counts = " ".join(f"{s} {tally[s]}" for s in SliceState if tally[s])
            yield f"{run_id}: {counts} | queue {ranges(self.talk.queue(run_id))}" + (
                f" | stopping: {live.run.message}" if live.run.stopping else ""
            )

    def short(self, session_id: str) -> str:
        return session_id.removeprefix("dm.")

    def session(self, short: str):
        return self.talk.disk.sessions[f"dm.{short}"]

    def on_backup(self, run_id: str, *options: str) -> list[Effect]:
        named = (option.partition("=") for option in options)
        return self.talk.begin(run_id, **{k.replace("-", "_"): value(v) for k, _, v in named})

    def on_at(self, seconds: str) -> list[Effect]:
        """So much later, of which nobody is told."""
        self.talk.now += float(seconds)
        return []

    def on_grew(self) -> list[Effect]:
        return self.talk.tell(events.CapacityGrew())

    def on_running(self, *shorts: str) -> list[Effect]:
        return [
            effect for short in shorts for effect in self.talk.tell(events.Initiated(f"dm.{short}"))
        ]

    def on_limit(self, storage: str, streams: str) -> list[Effect]:
        return self.talk.tell(events.StorageLimited(storage, int(streams)))

    def on_capacity(self, sessions: str) -> list[Effect]:
        return self.talk.tell(events.CapacityReported(int(sessions)))

    def on_granted(self, *shorts: str) -> list[Effect]:
        """These of the sessions that wait for an answer; the others are declined."""
        waiting = [s for s in self.talk.disk.sessions.values() if s.state == "reserving"]
        return self.talk.answer(waiting, [s for s in waiting if self.short(s.session_id) in shorts])

    def on_cuts(self, run_id: str, count: str, *said: str) -> list[Effect]:
        """So many cuts: to the `end` or not, of slices that take so many `seconds` or not known."""
        seconds = [float(word) for word in said if word != "end"]
        past_ms = round(1000 * seconds[0]) if seconds else None
        return self.talk.cut(run_id, int(count), end="end" in said, past_ms=past_ms)

    def on_done(self, *slice_ids: str) -> list[Effect]:
        return [effect for slice_id in slice_ids for effect in self.talk.done(slice_id)]

    def on_failed(self, slice_id: str, failure: str) -> list[Effect]:
        return self.talk.failed(slice_id, Failure(failure))

    def on_worked(self, *shorts: str) -> list[Effect]:
        """These sessions did all they had, and ended."""
        return [e for short in shorts for e in self.talk.work(self.session(short))]

    def on_lost(self, short: str) -> list[Effect]:
        return self.talk.ended(f"dm.{short}", Failure.SESSION_LOST)

    def on_ended(self, short: str) -> list[Effect]:
        return self.talk.ended(f"dm.{short}")

    def on_lapsed(self, short: str) -> list[Effect]:
        return self.talk.tell(events.ReservationLapsed(f"dm.{short}"))

    def on_passed(self, seconds: str) -> list[Effect]:
        return self.talk.pass_time(float(seconds))

    def on_cancel(self, run_id: str) -> list[Effect]:
        return self.talk.tell(events.CancelAsked(run_id))

    def on_restart(self) -> list[Effect]:
        return self.talk.restart()

    def on_loop(self, places: str) -> list[Effect]:
        """The loop goes on with so many places until nothing is left."""
        self.talk.finish(int(places))
        return []


def replay(talk, text: str) -> str:
    """The same text, with what was really said below the dashes."""
    scene = Scene(talk)
    told = []
    for block in text.strip().split("\n\n"):
        above = block.partition(f"\n{LINE}")[0]
        lines = [line for line in above.splitlines() if not line.startswith("#")]
        said = [answer for line in lines for answer in scene.play(line)]
        told.append("\n".join([above, LINE, *said, *scene.standings()]))
    return "\n\n".join(told) + "\n"


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(talk, transcript: Path):
    text = transcript.read_text()
    told = replay(talk, text)
    if os.environ.get("REWRITE"):
        transcript.write_text(told)
    assert told == text
