"""Many sessions fed by one call, and what comes up together told in one message."""

import pytest

from container_agent.host.attach import obey
from container_agent.host.outgoing import Outgoing
from container_agent.host.session import Session
from hosting import slices, until, work, world
from proxy_manager.core import effects as do
from proxy_manager.streams import Orders
from proxy_manager.translation import order_messages
from sluicegate.rpc.refusals import Reason, Refusal, understanding
from sluicegate.v1 import host_service_pb2 as host_pb
from sluicegate.v1 import outcome_pb2, session_pb2
from sluicegate.v1 import proxy_manager_service_pb2 as pb
from sluicegate.v1 import session_service_pb2 as run_pb


def food(session_id: str, *slice_ids: str) -> session_pb2.SessionFood:
    return session_pb2.SessionFood(session_id=session_id, slices=slices(*slice_ids))


async def test_r88_one_call_feeds_many_sessions_and_names_those_that_are_gone(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        await w.host()
        client = await w.client()
        async with client.listening() as outcomes:
            for session_id in await client.granted("s1", "s2"):
                await client.initiate(session_id, "ok:1", drain=False)
            foods = [food("s1", "ok:2"), food("gone", "ok:3"), food("s2", "ok:4", "ok:5")]
            response = await client.stub.Feed(pb.FeedRequest(foods=foods))
            assert response.unknown_session_ids == ["gone"]
            await until(lambda: (len(outcomes.of("s1")), len(outcomes.of("s2"))) == (2, 3))
            for session_id in ("s1", "s2"):
                await client.stub.Drain(pb.DrainRequest(session_id=session_id))
                await outcomes.end_of(session_id)
            fed = [o.slice_end.slice_id for o in outcomes.of("s2")]
            assert fed == ["ok:1", "ok:4", "ok:5", ""]


async def test_a_call_feeds_one_session_or_many_not_both_and_not_none(tmp_path):
    async with world(tmp_path) as w:
        await w.manager()
        client = await w.client()
        for request in (
            pb.FeedRequest(),
            pb.FeedRequest(food=food("s1", "ok:1"), foods=[food("s2", "ok:1")]),
            pb.FeedRequest(foods=[food("s1")]),
        ):
            with pytest.raises(Refusal) as refused, understanding():
                await client.stub.Feed(request)
            assert refused.value.reason is Reason.INVALID


async def test_a_host_reads_all_orders_that_have_come_up_and_the_latest_acknowledgements():
    orders = Orders(most=4)
    for number in (1, 2):
        orders.put(do.Acknowledge("s1", number))
        orders.put(do.Drain(f"d{number}"))
    orders.put(do.Acknowledge("s2", 7))
    assert await anext(orders.batches()) == [
        do.Drain("d1"),
        do.Drain("d2"),
        do.Acknowledge("s1", 2),
        do.Acknowledge("s2", 7),
    ]
    assert all(orders.put(do.Drain("d")) for _ in range(4))
    assert not orders.put(do.Drain("one too many"))
    orders.close()
    assert not orders.put(do.Drain("too late"))
    assert [len(batch) async for batch in orders.batches()] == [4]


def test_orders_go_in_one_message_to_a_host_that_takes_batches_and_alone_to_one_that_does_not():
    orders = [do.Drain("s1"), do.Acknowledge("s2", 3), do.Feed(food("s3", "ok:1"))]
    (message,) = order_messages(orders, batched=True)
    assert [c.WhichOneof("command") for c in message.batch.commands] == [
        "drain",
        "acknowledge",
        "feed",
    ]
    alone = list(order_messages(orders, batched=False))
    assert [m.WhichOneof("command") for m in alone] == ["drain", "acknowledge", "feed"]
    assert [m.WhichOneof("command") for m in order_messages(orders[:1], batched=True)] == ["drain"]


def test_no_batch_of_orders_is_larger_than_a_message_may_be():
    large = do.Feed(food("s1", *(f"{'x' * 90}:{n}" for n in range(1000))))
    messages = list(order_messages([large] * 20, batched=True))
    assert len(messages) > 1
    assert sum(len(m.batch.commands) or 1 for m in messages) == 20
    assert max(m.ByteSize() for m in messages) < 1 << 20


def outcomes_message(*numbers: int, text: str = "") -> host_pb.AttachRequest:
    end = outcome_pb2.SliceEnd(slice_id="x", attempt=1, message=text)
    outcomes = [
        outcome_pb2.Outcome(session_id="s1", outcome_number=n, slice_end=end) for n in numbers
    ]
    return host_pb.AttachRequest(outcomes=host_pb.OutcomeRelay(outcomes=outcomes))


async def read(outgoing: Outgoing) -> list[list[int] | str]:
    outgoing.close()
    return [
        [o.outcome_number for o in m.outcomes.outcomes] or m.WhichOneof("event")
        async for m in outgoing
    ]


async def test_outcomes_that_wait_together_become_one_message_in_their_order():
    outgoing = Outgoing(most=4)
    gone = host_pb.AttachRequest(session_gone=host_pb.SessionGone(session_id="s0"))
    for message in (outcomes_message(1), outcomes_message(2, 3), gone, outcomes_message(4)):
        assert outgoing.put(message)
    assert await read(outgoing) == [[1, 2, 3], "session_gone", [4]]
    assert not outgoing.put(gone)


async def test_no_message_of_outcomes_is_larger_than_it_may_be():
    outgoing = Outgoing()
    for number in range(1, 601):
        outgoing.put(outcomes_message(number))
    assert [len(message) for message in await read(outgoing)] == [256, 256, 88]
    outgoing = Outgoing()
    for number in range(1, 6):
        outgoing.put(outcomes_message(number, text="x" * (200 << 10)))
    assert await read(outgoing) == [[1, 2], [3, 4], [5]]


class Told:
    """Sessions that note what they are told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []

    def tell(self, session_id, command) -> None:
        self.told.append((session_id, command.WhichOneof("command")))

    def drain(self, session_id) -> None:
        self.told.append((session_id, "drain"))

    def acknowledge(self, session_id, through_number) -> None:
        self.told.append((session_id, through_number))


def test_a_host_obeys_the_commands_of_a_batch_in_order():
    orders = [do.Feed(food("s3", "ok:1")), do.Drain("s1"), do.Acknowledge("s2", 3)]
    (message,) = order_messages(orders, batched=True)
    sessions = Told()
    obey(sessions, message)
    assert sessions.told == [("s3", "feed"), ("s1", "drain"), ("s2", 3)]


class Commands(list):
    """Commands that a test looks at instead of a session."""

    closed = False

    def put(self, command) -> bool:
        self.append(command)
        return True

    def told(self) -> list[int | str]:
        return [
            command.acknowledge.through_outcome_number or command.WhichOneof("command")
            for command in self
        ]


def hosted() -> tuple[Session, Commands]:
    session = Session("s1", "dm")
    session.commands = commands = Commands()
    return session, commands


async def test_a_fed_session_is_told_in_one_message_of_many_acknowledgements():
    session, commands = hosted()
    for number in range(1, 101):
        session.acknowledge(number)
    await until(commands.told)
    assert commands.told() == [100]


async def test_a_session_that_is_to_end_is_told_at_once_what_is_committed():
    session, commands = hosted()
    session.acknowledge(1)
    session.drain(run_pb.RunResponse(drain=run_pb.SessionDrain()))
    session.acknowledge(2)
    assert commands.told() == ["drain", 1, 2]
    session, commands = hosted()
    session.hold()
    session.begin(run_pb.RunResponse(start=run_pb.SessionStart(work=work("s1", "ok:1"))))
    session.acknowledge(1)
    assert commands.told() == ["start", 1]
