"""Stand-ins that keep the contracts of what they stand in for."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from data_manager.core import events
from data_manager.core.effects import Change, Initiate
from data_manager.core.model import Counts, Cut, Position, SliceKind, Span, Standing
from data_manager.driver import Alive, Take
from sluicegate.rpc.channel import connect
from sluicegate.rpc.refusals import Reason, Refusal, Unreachable
from sluicegate.rpc.tasks import beside
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import host_service_pb2 as host_pb
from sluicegate.v1 import host_service_pb2_grpc as host_grpc
from sluicegate.v1 import outcome_pb2, session_pb2, slice_pb2

CRAWLS = (SliceKind.CRAWL, SliceKind.RESTORE_CRAWL)


def finished_at_once(work: Initiate, cuts: int) -> list[events.Outcome]:
    """What a session says that does all it is given, and cuts crawls into so many slices."""
    name = work.session.session_id
    said: list[events.Outcome] = []
    for slice_ in work.slices:
        if slice_.kind in CRAWLS and cuts:
            places = [Position(b"%04d" % n if n else b"") for n in range(cuts)]
            spans = map(Span, places, [*places[1:], None])
            made = tuple(Cut(span, 10, 1) for span in spans)
            said.append(events.CutsMade(name, slice_.slice_id, slice_.attempt, 0, made, b"p" * 32))
        done = events.SliceEnded(
            name, slice_.slice_id, slice_.attempt, result_id=b"r" * 32, counts=Counts(files=1)
        )
        said.append(done)
    return [*said, events.SessionEnded(name)]


@dataclass
class FakeProxies:
    """A proxy manager in memory, with `places` places for sessions.

    Sessions say at once what `behave` makes of their work. What was said and is not taken in is
    said again when somebody listens anew, as the true one does. `broken` calls are not answered.
    """

    places: int = 4
    behave: Callable[[Initiate], list[events.Outcome]] = lambda work: finished_at_once(work, 3)
    held: set[str] = field(default_factory=set)
    running: dict[str, Initiate] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    outbox: list[events.Outcome] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    calls: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    believed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._told = asyncio.Event()

    async def capacity(self) -> int:
        self._called("capacity")
        return self._free

    async def reserve(self, session_ids: Sequence[str]) -> frozenset[str]:
        self._called("reserve", *session_ids)
        for session_id in session_ids:
            known = session_id in self.running or session_id in self.over
            if not known and session_id not in self.held and self._free > 0:
                self.held.add(session_id)
        return frozenset(s for s in session_ids if s in self.held or s in self.running)

    async def release(self, session_ids: Sequence[str]) -> None:
        self._called("release", *session_ids)
        self.held.difference_update(session_ids)

    async def initiate(self, work: Initiate, traceparent: str) -> None:
        session_id = work.session.session_id
        self._called("initiate", session_id)
        if session_id in self.running or session_id in self.over:
            return
        if session_id not in self.held:
            raise Refusal(Reason.RESERVATION_LAPSED, f"no place is held for {session_id}")
        self.held.remove(session_id)
        self.running[session_id] = work
        self.say(*self.behave(work))

    async def cancel(self, session_id: str) -> None:
        self._called("cancel", session_id)
        self.held.discard(session_id)
        if session_id in self.running:
            self.say(events.SessionEnded(session_id))

    async def listen(self, alive: Alive, take: Take) -> None:
        self.believed = list(alive())
        for session_id in self.believed:
            if session_id not in self.running and session_id not in self.held:
                self.say(events.SessionEnded(session_id, events.Failure.SESSION_LOST, "unknown"))
        while True:
            while self.outbox:
                batch = self.outbox[:256]
                await take(batch)
                del self.outbox[: len(batch)]
            self._told.clear()
            await self._told.wait()

    def say(self, *outcomes: events.Outcome) -> None:
        """Has sessions say something."""
        for outcome in outcomes:
            if isinstance(outcome, events.SessionEnded):
                self.running.pop(outcome.session_id, None)
                self.over.add(outcome.session_id)
        self.outbox += outcomes
        self._told.set()

    @property
    def _free(self) -> int:
        return self.places - len(self.held) - len(self.running)

    def _called(self, call: str, *session_ids: str) -> None:
        self.calls.append((call, session_ids))
        if call in self.broken:
            raise Unreachable(f"{call} is not answered")


class FakeLedger:
    """A database that keeps nothing but what it was told, and can be made to wait or fail."""

    def __init__(self) -> None:
        self.commits: list[list[Change]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.failing: Exception | None = None

    async def commit(self, changes: Sequence[Change]) -> None:
        await self.open.wait()
        if self.failing:
            raise self.failing
        self.commits.append(list(changes))

    async def standing(self, run_id: str) -> Standing | None:
        return None


class ScriptedHost:
    """A proxy host that attaches to a real proxy manager, and whose sessions do all they are given.

    As true ones do, it says what is not acknowledged again on its next call.
    """

    def __init__(self, address: str, sessions_max: int = 4, cuts: int = 3) -> None:
        self._address = address
        self._sessions_max = sessions_max
        self._cuts = cuts
        self._owners: dict[str, str] = {}
        self._kept: dict[str, list[outcome_pb2.Outcome]] = {}
        self.worked: list[session_pb2.SessionWork] = []
        self.attached = asyncio.Event()

    async def run(self) -> None:
        """One call, until cancelled."""
        async with connect(self._address, Tracing()) as channel:
            call = host_grpc.HostServiceStub(channel).Attach()
            hello = host_pb.HostHello(host_name="h", sessions_max=self._sessions_max)
            await call.write(host_pb.AttachRequest(hello=hello))
            async with beside(self._beat(call)):
                while isinstance(command := await call.read(), host_pb.AttachResponse):
                    for event in self._obey(command):
                        await call.write(event)

    async def _beat(self, call) -> None:
        while True:
            load = host_pb.HostLoad(cpu=0.1, memory=0.1)
            await call.write(host_pb.AttachRequest(load=load))
            await asyncio.sleep(0.1)

    def _obey(self, command: host_pb.AttachResponse) -> list[host_pb.AttachRequest]:
        match command.WhichOneof("command"):
            case "welcome":
                self.attached.set()
            case "create":
                session_id = command.create.session_id
                self._owners[session_id] = command.create.data_manager_id
                created = host_pb.SessionCreated(session_id=session_id)
                return [host_pb.AttachRequest(session_created=created)]
            case "start":
                return [self._start(command.start.work)]
            case "acknowledge":
                session_id = command.acknowledge.session_id
                if command.acknowledge.through_outcome_number >= len(self._kept[session_id]):
                    return [self._gone(session_id)]
            case "kill":
                return [self._gone(command.kill.session_id)]
        return []

    def _start(self, work: session_pb2.SessionWork) -> host_pb.AttachRequest:
        self.worked.append(work)
        outcomes = list(outcomes_of(work, self._cuts))
        self._kept[work.session_id] = outcomes
        return host_pb.AttachRequest(outcomes=host_pb.OutcomeRelay(outcomes=outcomes))

    def _gone(self, session_id: str) -> host_pb.AttachRequest:
        return host_pb.AttachRequest(session_gone=host_pb.SessionGone(session_id=session_id))


def outcomes_of(work: session_pb2.SessionWork, cuts: int) -> Iterator[outcome_pb2.Outcome]:
    """What a session says that does all it is given, numbered."""
    numbers = count(1)

    def outcome(**event: object) -> outcome_pb2.Outcome:
        return outcome_pb2.Outcome(
            session_id=work.session_id, outcome_number=next(numbers), **event
        )

    for slice_ in work.slices:
        named = {"slice_id": slice_.slice_id, "attempt": slice_.attempt}
        if slice_.WhichOneof("work") in ("crawl", "restore_crawl") and cuts:
            places = [slice_pb2.Position(path=b"%04d" % n if n else b"") for n in range(cuts)]
            spans = [
                slice_pb2.Span(start=start, stop=stop)
                for start, stop in zip(places, [*places[1:], None], strict=True)
            ]
            made = [outcome_pb2.Cut(span=span, bytes=10, files=1) for span in spans]
            yield outcome(cuts_made=outcome_pb2.CutsMade(**named, cuts=made, snapshot_id=b"p" * 32))
        counts = outcome_pb2.Counts(files=1)
        yield outcome(slice_end=outcome_pb2.SliceEnd(**named, result_id=b"r" * 32, counts=counts))
    yield outcome(session_end=outcome_pb2.SessionEnd())
