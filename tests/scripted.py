"""A proxy host whose sessions do all they are given at once, for a real proxy manager."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from sluicegate.rpc.channel import connect
from sluicegate.rpc.tasks import beside
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import host_service_pb2 as pb
from sluicegate.v1 import host_service_pb2_grpc as pb_grpc
from sluicegate.v1 import maintenance_pb2, outcome_pb2, session_pb2, slice_pb2

VERDICTS = [
    maintenance_pb2.Verdict(snapshot_id=b"a" * 32, time_ns=2, reasons=["last snapshot"]),
    maintenance_pb2.Verdict(snapshot_id=b"b" * 32, time_ns=1),
]


@dataclass
class Scripted:
    """A session: what it was given, what it said, whether it takes no more."""

    session_id: str
    cuts: int
    failing: Collection[str]
    had: set[tuple[str, int]] = field(default_factory=set)
    said: list[outcome_pb2.Outcome] = field(default_factory=list)
    over: bool = False

    def take(self, slices: Sequence[slice_pb2.Slice]) -> list[outcome_pb2.Outcome]:
        """Does slices, and says what came of them; none twice."""
        new = [s for s in slices if (s.slice_id, s.attempt) not in self.had]
        self.had |= {(s.slice_id, s.attempt) for s in new}
        return [self._say(**event) for event in events_of(new, self.cuts, self.failing)]

    def drain(self) -> list[outcome_pb2.Outcome]:
        """Ends, as nothing is left."""
        if self.over:
            return []
        self.over = True
        return [self._say(session_end=outcome_pb2.SessionEnd())]

    def _say(self, **event: object) -> outcome_pb2.Outcome:
        number = len(self.said) + 1
        named = {"session_id": self.session_id, "outcome_number": number}
        self.said.append(outcome_pb2.Outcome(**named, **event))
        return self.said[-1]


class ScriptedHost:
    """A proxy host that attaches to a real proxy manager, and whose sessions do all they are given.

    Slices of the kinds in `idle` are begun and never end, those in `failing` fail; a `mute` host
    says of no session that it is created.
    """

    def __init__(
        self,
        address: str,
        sessions_max: int = 4,
        cuts: int = 3,
        name: str = "h",
        idle: Collection[str] = (),
        failing: Collection[str] = (),
        mute: bool = False,
    ) -> None:
        self._name = name
        self._address = address
        self._sessions_max = sessions_max
        self._cuts = cuts
        self._idle = idle
        self._failing = failing
        self._mute = mute
        self._sessions: dict[str, Scripted] = {}
        self.worked: list[session_pb2.SessionWork] = []
        self.fed: list[session_pb2.SessionFood] = []
        self.drained: list[str] = []
        self.attached = asyncio.Event()
        self._speaking = asyncio.Lock()

    @property
    def slices(self) -> list[slice_pb2.Slice]:
        """All that its sessions were given."""
        return [slice_ for given in (*self.worked, *self.fed) for slice_ in given.slices]

    async def run(self) -> None:
        """One call, until cancelled."""
        async with connect(self._address, Tracing()) as channel:
            call = pb_grpc.HostServiceStub(channel).Attach()
            hello = pb.HostHello(host_name=self._name, sessions_max=self._sessions_max)
            await call.write(pb.AttachRequest(hello=hello))
            async with beside(self._beat(call)):
                while isinstance(command := await call.read(), pb.AttachResponse):
                    for event in self._obey(command):
                        await self._say(call, event)

    async def _beat(self, call) -> None:
        while True:
            await self._say(
                call, pb.AttachRequest(load=pb.HostLoad(cpu=0.1, memory=0.1, pressure=0.25))
            )
            await asyncio.sleep(0.1)

    async def _say(self, call, event: pb.AttachRequest) -> None:
        # One call takes one message at a time.
        async with self._speaking:
            await call.write(event)

    def _obey(self, command: pb.AttachResponse) -> list[pb.AttachRequest]:
        match command.WhichOneof("command"):
            case "welcome":
                self.attached.set()
            case "create":
                session_id = command.create.session_id
                self._sessions[session_id] = Scripted(session_id, self._cuts, self._failing)
                if self._mute:
                    return []
                created = pb.SessionCreated(session_id=session_id)
                return [pb.AttachRequest(session_created=created)]
            case "start":
                self.worked.append(command.start.work)
                return self._work(command.start.work.session_id, command.start.work)
            case "feed":
                self.fed.append(command.feed.food)
                return self._work(command.feed.food.session_id, command.feed.food)
            case "drain":
                self.drained.append(command.drain.session_id)
                return relayed(self._sessions[command.drain.session_id].drain())
            case "acknowledge":
                session = self._sessions[command.acknowledge.session_id]
                reached = command.acknowledge.through_outcome_number
                if session.over and reached >= len(session.said):
                    return [self._gone(session.session_id)]
            case "kill":
                return [self._gone(command.kill.session_id)]
        return []

    def _work(
        self, session_id: str, given: session_pb2.SessionWork | session_pb2.SessionFood
    ) -> list[pb.AttachRequest]:
        session = self._sessions[session_id]
        done = [s for s in given.slices if s.WhichOneof("work") not in self._idle]
        said = session.take(done)
        all_done = len(done) == len(given.slices)
        if isinstance(given, session_pb2.SessionWork) and given.drain and all_done:
            said += session.drain()
        return relayed(said)

    def _gone(self, session_id: str) -> pb.AttachRequest:
        return pb.AttachRequest(session_gone=pb.SessionGone(session_id=session_id))


def relayed(outcomes: Sequence[outcome_pb2.Outcome]) -> list[pb.AttachRequest]:
    """Outcomes on their way, in as many messages as they need."""
    batches = [outcomes[at : at + 256] for at in range(0, len(outcomes), 256)]
    return [pb.AttachRequest(outcomes=pb.OutcomeRelay(outcomes=batch)) for batch in batches]


def events_of(
    slices: Sequence[slice_pb2.Slice], cuts: int, failing: Collection[str]
) -> Iterator[dict[str, object]]:
    """What a session says of slices that all are done, or fail."""
    for slice_ in slices:
        named = {"slice_id": slice_.slice_id, "attempt": slice_.attempt}
        kind = slice_.WhichOneof("work")
        if kind in failing:
            failure = outcome_pb2.FAILURE_REASON_TRANSIENT
            yield {"slice_end": outcome_pb2.SliceEnd(**named, failure=failure, message="not now")}
            continue
        if kind in ("crawl", "restore_crawl") and cuts:
            places = [slice_pb2.Position(path=b"%04d" % n if n else b"") for n in range(cuts)]
            spans = [
                slice_pb2.Span(start=start, stop=stop)
                for start, stop in zip(places, [*places[1:], None], strict=True)
            ]
            made = [outcome_pb2.Cut(span=span, bytes=10, files=1) for span in spans]
            batch = outcome_pb2.CutsMade(**named, cuts=made, snapshot_id=b"p" * 32)
            yield {"cuts_made": batch}
        if kind == "maintain":
            batch = outcome_pb2.VerdictsMade(**named, verdicts=VERDICTS)
            yield {"verdicts_made": batch}
        counts = outcome_pb2.Counts(files=1)
        end = outcome_pb2.SliceEnd(**named, result_id=b"r" * 32, counts=counts, took_ms=1)
        if kind == "maintain":
            end.message = "it came to this"
        yield {"slice_end": end}
