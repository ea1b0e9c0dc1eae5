"""What the slices of a past backup took, asked of the data manager that did it."""

from sluicegate.cli.failures import CommandError
from sluicegate.rpc.channel import connect
from sluicegate.rpc.refusals import Refusal, Unreachable, understanding
from sluicegate.rpc.retries import retrying
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1 import data_manager_service_pb2_grpc as pb_grpc

CALL_SECONDS = 10.0
PAGE_SLICES = 1000


async def past_times(server: str, backup_ids: tuple[str, ...]) -> tuple[tuple[float, ...], ...]:
    """The seconds of each slice that is done, for each backup.

    Raises CommandError when the data manager does not answer, has no such backup, or that one has
    no slice that is done.
    """
    async with connect(server, Tracing()) as channel:
        stub = pb_grpc.DataManagerServiceStub(channel)
        try:
            return tuple([await _times(stub, backup_id) for backup_id in backup_ids])
        except Unreachable as error:
            raise CommandError(f"no data manager answers at {server} ({error})") from error
        except Refusal as refusal:
            raise CommandError(f"the data manager refuses: {refusal.message}") from refusal


async def _times(stub: "pb_grpc.DataManagerServiceAsyncStub", backup_id: str) -> tuple[float, ...]:
    seconds: list[float] = []
    request = pb.ListSlicesRequest(backup_id=backup_id, page_size=PAGE_SLICES)
    while True:
        page = await retrying(lambda: _page(stub, request), deadline_seconds=CALL_SECONDS)
        seconds += [each.took_ms / 1000 for each in page.slices if each.took_ms]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    if not seconds:
        raise CommandError(f"no slice of the backup {backup_id} is done, so there are no times yet")
    return tuple(seconds)


async def _page(
    stub: "pb_grpc.DataManagerServiceAsyncStub", request: pb.ListSlicesRequest
) -> pb.ListSlicesResponse:
    with understanding():
        return await stub.ListSlices(request, timeout=CALL_SECONDS)
