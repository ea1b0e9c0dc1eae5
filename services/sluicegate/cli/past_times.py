"""What the slices of a past backup took, asked of the data manager that did it."""

from typing import TYPE_CHECKING

from sluicegate.cli.calls import CALL_SECONDS, answer, data_manager
from sluicegate.cli.failures import CommandError
from sluicegate.v1 import data_manager_service_pb2 as pb

if TYPE_CHECKING:
    from sluicegate.v1.data_manager_service_pb2_grpc import DataManagerServiceAsyncStub as Stub

PAGE_SLICES = 1000


async def past_times(server: str, backup_ids: tuple[str, ...]) -> tuple[tuple[float, ...], ...]:
    """The seconds of each slice that is done, for each backup.

    Raises CommandError when the data manager does not answer, has no such backup, or that one has
    no slice that is done.
    """
    async with data_manager(server) as stub:
        return tuple([await _times(stub, backup_id) for backup_id in backup_ids])


async def _times(stub: "Stub", backup_id: str) -> tuple[float, ...]:
    seconds: list[float] = []
    request = pb.ListSlicesRequest(backup_id=backup_id, page_size=PAGE_SLICES)
    while True:
        page = await answer(lambda: stub.ListSlices(request, timeout=CALL_SECONDS))
        seconds += [each.took_ms / 1000 for each in page.slices if each.took_ms]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            break
    if not seconds:
        raise CommandError(f"no slice of the backup {backup_id} is done, so there are no times yet")
    return tuple(seconds)
