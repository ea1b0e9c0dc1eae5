"""Maintenances over the wire: begun, watched, listed, and what they judged."""

import pytest

from asking import REPOSITORY, Client
from scripted import VERDICTS
from sluicegate.rpc.refusals import InvalidMessage, Reason
from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1 import maintenance_pb2

KEEP = maintenance_pb2.RetentionPolicy(keep_daily=7)
FORGET = maintenance_pb2.MaintainWork(forget=maintenance_pb2.ForgetWork(policy=KEEP))


async def maintained(client: Client, maintenance_id: str) -> pb.Maintenance:
    named = {"maintenance_id": maintenance_id}
    await client.call("CreateMaintenance", **named, repository=REPOSITORY, work=FORGET)
    return (await client.watch("WatchMaintenance", **named))[-1].maintenance


async def test_a_maintenance_is_done_alone_and_remembered(client: Client):
    done = await maintained(client, "m1")
    assert done.status.state == pb.RUN_STATE_SUCCEEDED
    assert (done.work, done.status.message) == (FORGET, "it came to this")
    [work] = client.host.worked
    assert work.drain and work.slices[0].maintain == FORGET
    await maintained(client, "m2")
    first = await client.call("ListMaintenances", page_size=1)
    assert [each.maintenance_id for each in first.maintenances] == ["m2"]
    rest = await client.call("ListMaintenances", page_token=first.next_page_token)
    assert list(rest.maintenances) == [done] and not rest.next_page_token
    assert (await client.call("GetMaintenance", maintenance_id="m1")).maintenance == done


async def test_what_it_judged_comes_in_pages(client: Client):
    await maintained(client, "m")
    first = await client.call("ListVerdicts", maintenance_id="m", page_size=1)
    token = first.next_page_token
    rest = await client.call("ListVerdicts", maintenance_id="m", page_token=token)
    assert [*first.verdicts, *rest.verdicts] == VERDICTS and not rest.next_page_token
    for name in ("ListVerdicts", "GetMaintenance", "CancelMaintenance"):
        assert (await client.refused(name, maintenance_id="n")).reason is Reason.RUN_UNKNOWN


async def test_the_same_again_is_the_same_and_other_words_are_refused(waiting: Client):
    asked = {"maintenance_id": "m", "repository": REPOSITORY}
    await waiting.call("CreateMaintenance", **asked, work=FORGET)
    await waiting.call("CreateMaintenance", **asked, work=FORGET)
    forget = maintenance_pb2.ForgetWork(policy=KEEP, dry_run=True)
    other = maintenance_pb2.MaintainWork(forget=forget)
    refusal = await waiting.refused("CreateMaintenance", **asked, work=other)
    assert refusal.reason is Reason.BACKUP_EXISTS
    await waiting.call("CancelMaintenance", maintenance_id="m")
    last = (await waiting.watch("WatchMaintenance", maintenance_id="m"))[-1].maintenance
    assert last.status.state == pb.RUN_STATE_CANCELLED


@pytest.mark.parametrize(
    "policy",
    [
        maintenance_pb2.RetentionPolicy(),
        maintenance_pb2.RetentionPolicy(keep_within=maintenance_pb2.CalendarDuration(days=0)),
    ],
)
async def test_t24_a_policy_that_says_nothing_is_refused(waiting: Client, policy):
    work = maintenance_pb2.MaintainWork(forget=maintenance_pb2.ForgetWork(policy=policy))
    asked = {"maintenance_id": "m", "repository": REPOSITORY, "work": work}
    refusal = await waiting.refused("CreateMaintenance", **asked)
    assert isinstance(refusal, InvalidMessage)
    assert refusal.fields[0][0] == "work.forget.policy"
